"""The sandbox as a whole: API, controllers, workers, mirror and Slack around the bot, a real process.

Reading order: `sandbox` (the composition), `configuration` (what the bot is given), `access` (what it may do),
`process` (the bot from outside), `cards` (what people see of an incident), `invariants` and `afterwards` (what
must hold when all is over). Nothing here knows how a repair looks.
"""

from tests.sandbox.whole.afterwards import complaints
from tests.sandbox.whole.cards import CardView, answer, cards, find_card, press
from tests.sandbox.whole.process import BotDied, BotProcess
from tests.sandbox.whole.sandbox import Sandbox, Worker, pinned

__all__ = [
    "BotDied",
    "BotProcess",
    "CardView",
    "Sandbox",
    "Worker",
    "answer",
    "cards",
    "complaints",
    "find_card",
    "pinned",
    "press",
]
