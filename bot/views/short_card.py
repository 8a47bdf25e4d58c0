"""What is shown instead of a card that Slack refuses: who it is about, and how to answer without it.

Without buttons: nobody may approve a plan that they cannot read.
"""

from bot.views import mrkdwn as m
from bot.views.blocks import section
from bot.views.card import Card


def short_card(card: Card, subject: str) -> Card:
    name = m.plain(subject, 80)
    how = f"Slack does not take this card. `imsbot show {name}` has all of it, `imsbot approve {name}` answers."
    return Card(card.text, (section(f"*{card.text}*\n{how}"),), card.thread)
