"""The threads below the cards: each post once, one after another, and never in the way of a card.

Slack takes about one post a second for a channel, so a long thread takes its time; cards do not wait for it. What
a thread already has is read from its metadata once, so a restart repeats nothing.
"""

import asyncio
from dataclasses import dataclass

import structlog

from bot.adapters.slack.api import GoneError, PostLostError, SlackApi
from bot.core.errors import BotError, TemporaryError
from bot.core.model import CardRef
from bot.views.thread import Post

log = structlog.get_logger(__name__)

RETRY_S = 5.0


@dataclass(slots=True)
class _Thread:
    ref: CardRef
    posts: tuple[Post, ...] = ()
    known: set[str] | None = None
    """Keys of what it has; `None` while that must be read first."""

    @property
    def missing(self) -> list[Post]:
        return [post for post in self.posts if post.key not in (self.known or ())]


class SlackThreads:
    def __init__(self, api: SlackApi, interval_s: float) -> None:
        """`interval_s` is the pause between two posts."""
        self._api = api
        self._interval_s = interval_s
        self._threads: dict[str, _Thread] = {}
        self._behind: dict[str, None] = {}
        self._wake = asyncio.Event()

    def want(self, subject: str, ref: CardRef, posts: tuple[Post, ...], *, new: bool) -> None:
        """The thread of this card has these posts; `run` makes those that it lacks. A `new` card has none."""
        thread = self._threads.get(subject)
        if thread is None or thread.ref != ref:
            thread = self._threads[subject] = _Thread(ref, known=set() if new else None)
        thread.posts = posts
        if thread.missing:
            self._behind[subject] = None
            self._wake.set()

    async def run(self) -> None:
        """Makes what is missing, one post of one thread at a time, until cancelled."""
        while True:
            await self._wake.wait()
            subject = next(iter(self._behind), None)
            if subject is None:
                self._wake.clear()
                continue
            del self._behind[subject]
            await asyncio.sleep(await self._continue(subject))

    async def flush(self) -> None:
        """One try for everything that is missing; for the end of the program."""
        for subject in list(self._behind):
            del self._behind[subject]
            thread = self._threads[subject]
            try:
                while thread.missing:
                    await self._post_next(subject, thread)
            except BotError as error:
                log.warning("thread not complete", subject=subject, error=str(error))

    async def _continue(self, subject: str) -> float:
        """Makes the next post of a thread; how long to wait before the next one of any thread."""
        thread = self._threads[subject]
        try:
            await self._post_next(subject, thread)
        except TemporaryError as error:
            log.warning("thread not written yet", subject=subject, error=str(error))
            self._behind[subject] = None
            return error.retry_after_s or RETRY_S
        except BotError as error:
            log.error("thread not written", subject=subject, error=str(error))
            return self._interval_s
        if thread.missing:
            self._behind[subject] = None
        return self._interval_s

    async def _post_next(self, subject: str, thread: _Thread) -> None:
        try:
            if thread.known is None:
                thread.known = await self._api.thread_keys(thread.ref, subject)
            for post in thread.missing[:1]:
                await self._api.post(
                    thread.ref.channel,
                    post.text,
                    subject=subject,
                    key=post.key,
                    thread_ts=thread.ref.ts,
                    broadcast=post.broadcast,
                )
                thread.known.add(post.key)
        except PostLostError:
            thread.known = None
            raise
        except GoneError:
            thread.posts = ()
            raise
