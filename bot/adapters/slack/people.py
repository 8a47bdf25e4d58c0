"""Whether the people on the list of approvers may still be believed: no guest, stranger, bot or left colleague.

A click must be decided without waiting for Slack, so this is known beforehand and looked at again every hour. Who
was not looked at yet may not answer: unknown is not allowed.
"""

import asyncio

import structlog

from bot.adapters.slack.api import SlackApi
from bot.core.errors import BotError

log = structlog.get_logger(__name__)

REFRESH_S = 3600.0
RETRY_S = 15.0

NOT_YET = "Slack has not confirmed your account to this bot yet; try again in a moment. Nothing happened."


class People:
    def __init__(self, api: SlackApi, approvers: tuple[str, ...]) -> None:
        self._api = api
        self._objections: dict[str, str | None] = dict.fromkeys(approvers, NOT_YET)

    def objection(self, user: str) -> str | None:
        """A sentence for an approver who may not answer. Whoever is on no list is the engine's to refuse."""
        return self._objections.get(user)

    async def look(self) -> bool:
        """Look at all of them once; whether Slack told about each."""
        return all([await self._look_at(user) for user in self._objections])

    async def keep_looking(self, complete: bool) -> None:
        """Until cancelled; `complete` is what the last look returned."""
        while True:
            await asyncio.sleep(REFRESH_S if complete else RETRY_S)
            complete = await self.look()

    async def _look_at(self, user: str) -> bool:
        try:
            account = await self._api.user(user)
        except BotError as error:
            log.warning("approver not looked at", user=user, error=str(error))
            return False
        if account.objection is None:
            self._objections[user] = None
            return True
        log.error("approver will be refused", user=user, account=account.objection)
        self._objections[user] = (
            f"Your account is {account.objection}; such accounts may not answer. Nothing happened."
        )
        return True
