"""A stand-in for Slack on loopback: Web API, Socket Mode, response URLs, and a page whose buttons work.

Reading order: `model` and `workspace` (the state), `webapi` with `chat` and `reading` (the methods), `blocks`
(Block Kit's limits), `socketmode` and `interactivity` (a click's way to the app), `page` (what a person
sees), and `server`, which plugs them together.
"""

from tests.sandbox.slack.model import Button, Click, Message, Outcome, User
from tests.sandbox.slack.people import APPROVER, FORMER, GUEST, OUTSIDER, SECOND_APPROVER, STRANGER
from tests.sandbox.slack.server import SlackServer

__all__ = [
    "SlackServer",
    "Message",
    "Button",
    "Click",
    "Outcome",
    "User",
    "APPROVER",
    "SECOND_APPROVER",
    "OUTSIDER",
    "GUEST",
    "STRANGER",
    "FORMER",
]
