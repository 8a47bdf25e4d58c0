"""Plays the story: begins each chapter, waits for its card, lets people answer, and checks how it ended."""

from __future__ import annotations

import asyncio
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tests.sandbox.api import KubeObject
from tests.sandbox.controllers.conditions import holds
from tests.sandbox.demo.chaos import Chaos
from tests.sandbox.demo.people import Look, People
from tests.sandbox.demo.pictures import Photographer
from tests.sandbox.demo.stage import Stage
from tests.sandbox.demo.story import Answer, Chapter
from tests.sandbox.demo.telling import Telling
from tests.sandbox.whole import BotDied, CardView, cards, find_card
from tests.sandbox.whole.invariants import journaled
from tests.sandbox.whole.process import Record

_SEEN_WITHIN_S = 90.0
_ENDED_WITHIN_S = 180.0
_RAN_WITHIN_S = 60.0
_SWEPT_WITHIN_S = 45.0
_SLOW_MIRROR_S = 2.0
"""Between two pieces of the archive, so that the first command lasts until somebody has typed `pause`."""
_TYPED_TRIES = 10
_TYPED_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a chapter."""

    chapter: Chapter
    jobs: tuple[str, ...]
    runs: bool
    """Whether the jobs should run, after what people really answered."""
    problem: str = ""


class Play:
    """One performance."""

    def __init__(
        self,
        stage: Stage,
        telling: Telling,
        people: People,
        chaos: Chaos | None = None,
        photographer: Photographer | None = None,
    ) -> None:
        self._stage = stage
        self._telling = telling
        self._people = people
        self._chaos = chaos
        self._photographer = photographer
        self._played: list[Played] = []

    async def run(self, chapters: Sequence[Chapter], longest_s: float | None) -> str:
        """Why not everything ended as it must; empty when it did. `longest_s` None: people take their time."""
        try:
            async with asyncio.timeout(longest_s):
                return "" if await self._run(chapters) else "see above"
        except (TimeoutError, BotDied) as error:
            return str(error) or "it took too long"

    async def _run(self, chapters: Sequence[Chapter]) -> bool:
        """Raises TimeoutError when something never came, BotDied when the bot ended by itself."""
        began = time.monotonic()
        await self._stage.begin(self._hear)
        keeper = asyncio.create_task(self._keep_running())
        story = asyncio.create_task(self._tell(chapters))
        try:
            await asyncio.wait({keeper, story}, return_when=asyncio.FIRST_COMPLETED)
            for task in (keeper, story):
                if task.done():
                    task.result()
        finally:
            for task in (keeper, story):
                task.cancel()
            await asyncio.gather(keeper, story, return_exceptions=True)
        if self._chaos is not None:
            self._chaos.stop()
        if not self._stage.bot.running:
            await self._stage.bot.start()
        return await self._judge(time.monotonic() - began)

    async def _keep_running(self) -> None:
        """Start the bot again whenever it was killed, as a supervisor does. Raises BotDied for any other end."""
        bot = self._stage.bot
        while True:
            code = await bot.ended()
            if code != -signal.SIGKILL:
                raise BotDied(f"the bot ended by itself with {code}; its last lines:\n{bot.tail()}")
            with suppress(BotDied):  # killed again before it was up
                await bot.start()
                self._telling.broke("the bot is started again")

    def _hear(self, record: Record) -> None:
        if record["event"] == "StepEnded" or record["event"] == "Failed":
            for incident in journaled(self._stage.journal):
                self._telling.steps(incident)
        if self._chaos is not None:
            self._chaos.hear(record)

    async def _tell(self, chapters: Sequence[Chapter]) -> None:
        for number, chapter in enumerate(chapters, 1):
            self._telling.chapter(number, chapter)
            since = max((card.message.ts for card in cards(self._stage.slack)), default="")
            jobs = await chapter.begin(self._stage)
            for job in jobs:
                self._telling.line("job", job)
            played = await self._play(chapter, jobs, since)
            self._played.append(played)
            self._telling.moral(not played.problem, played.problem or chapter.moral)

    async def _play(self, chapter: Chapter, jobs: tuple[str, ...], since: str) -> Played:
        if not chapter.about:
            return await self._left_alone(chapter, jobs)

        def card() -> CardView | None:
            return find_card(self._stage.slack, chapter.about, since=since)

        if jobs:
            await self._failing(jobs[0])
        if chapter.swept:
            await self._sweep(chapter, since)
        await self._until_card(
            chapter,
            lambda: (seen := card()) is not None and bool(seen.settled or seen.actions),
            _SEEN_WITHIN_S,
        )
        self._show(card())
        runs, ends = chapter.runs, chapter.ends
        if chapter.halted:
            self._stage.mirror.pause_s = _SLOW_MIRROR_S
        if chapter.answer is not None:
            await self._photograph()
            given = await self._answer(chapter, card, chapter.answer)
            if given is not chapter.answer:
                runs, ends = given is Answer.APPROVE, "Healed" if given is Answer.APPROVE else "Denied"
            self._show(card(), lines=0)
        return await self._checked(chapter, jobs, runs, ends, card())

    async def _sweep(self, chapter: Chapter, since: str) -> None:
        """The digest card comes, and a row of it is picked."""

        def digest() -> CardView | None:
            return find_card(self._stage.slack, "Sweep", since=since)

        await self._type("sweep", "--post")
        with suppress(TimeoutError):  # killed between hearing of it and beginning it
            await self._stage.slack.wait_for(lambda _: digest() is not None, _SWEPT_WITHIN_S)
        if digest() is None:
            await self._type("sweep", "--post")
        await self._until_card(
            chapter, lambda: (seen := digest()) is not None and bool(seen.actions), _SEEN_WITHIN_S
        )
        self._show(digest())
        if self._photographer is not None:
            await self._photographer.digest()
        await self._people.answer(digest, Answer.PICK)

    async def _halt(self, chapter: Chapter, card: Look) -> None:
        """Somebody pauses the whole bot while it repairs, looks at the card, and lets it go on."""
        await self._begun(chapter.about)
        await self._type("pause", "--reason", chapter.halted)
        self._stage.mirror.pause_s = 0
        await self._until_card(
            chapter, lambda: (seen := card()) is not None and seen.state.startswith("Paused at"), _ENDED_WITHIN_S
        )
        self._show(card(), lines=4)
        await self._type("resume")

    async def _begun(self, node: str) -> None:
        """Until a repair of the node has begun its first command. The log may be silent: chaos kills the bot."""
        async with asyncio.timeout(_ENDED_WITHIN_S):
            while not self._under_way(node):  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.2)

    def _under_way(self, node: str) -> bool:
        return any(i.target.name == node and i.under_way for i in journaled(self._stage.journal))

    async def _type(self, *words: str) -> None:
        """A command of `imsbot`, again where nobody was there to take it: chaos kills the bot at any moment."""
        said = ""
        for _ in range(_TYPED_TRIES):
            self._telling.line("admin", f"$ imsbot {shlex.join(words)}", "cyan")
            code, out, err = await self._stage.bot.command(*words)
            said = out or err
            if code == 0:
                self._telling.aside(said.strip())
                return
            await asyncio.sleep(_TYPED_AGAIN_S)
        raise TimeoutError(f"imsbot {shlex.join(words)} was never taken: {said}")

    async def _until_card(self, chapter: Chapter, found: Callable[[], bool], timeout_s: float) -> None:
        """Raises TimeoutError in words for people."""
        try:
            await self._stage.slack.wait_for(lambda _: found(), timeout_s)
        except TimeoutError:
            shown = "; ".join(card.headline for card in cards(self._stage.slack)) or "none"
            raise TimeoutError(
                f"“{chapter.title}”: the card about {chapter.about} did not come so far within {timeout_s:g} s; "
                f"the cards now: {shown}"
            ) from None

    async def _photograph(self) -> None:
        """Of the first card that asks itself, of the second the page with both."""
        if self._photographer is not None:
            match len(self._played):
                case 0:
                    await self._photographer.card()
                case 1:
                    await self._photographer.page()
                case _:
                    pass

    async def _answer(self, chapter: Chapter, card: Look, wanted: Answer) -> Answer:
        """Until nothing more happens; answers anew when the bot asks anew, because the plan has changed."""
        if chapter.intruder:
            await self._people.intrude(card)
        given, halted = wanted, False
        while (seen := card()) is not None and not seen.settled:
            if seen.actions:
                given = await self._people.answer(card, wanted)
                if chapter.halted and given is Answer.APPROVE and not halted:
                    halted = True
                    await self._halt(chapter, card)
            await self._until_card(
                chapter,
                lambda: (seen := card()) is not None and bool(seen.settled or seen.actions),
                _ENDED_WITHIN_S,
            )
        return given

    async def _checked(
        self, chapter: Chapter, jobs: tuple[str, ...], runs: bool, ends: str, card: CardView | None
    ) -> Played:
        problem = ""
        if card is None or ends != card.state:
            problem = f"the card should say {ends!r}: {card.headline if card else 'there is none'}"
        if runs:
            for job in jobs:
                with suppress(TimeoutError):
                    await self._stage.until(partial(self._complete, job), _RAN_WITHIN_S)
                    self._telling.line("job", f"✓ {job} is Complete", "green")
        return Played(chapter, jobs, runs, problem)

    async def _left_alone(self, chapter: Chapter, jobs: tuple[str, ...]) -> Played:
        """Whether there really is no card shows at the end of the play, when there was time enough for one."""
        for job in jobs:
            said = await self._stage.until(partial(self._fate, job), _RAN_WITHIN_S)
            self._telling.line("cluster", f"{job}: {said}", "dim")
        return Played(chapter, jobs, chapter.runs)

    async def _failing(self, job: str) -> None:
        """Until the cluster says why the job does not run."""
        event = await self._stage.until(partial(self._warning, job), _RAN_WITHIN_S)
        self._telling.line("cluster", event["message"], "red")

    async def _warning(self, job: str) -> KubeObject | None:
        return next(iter(await self._stage.warnings(job)), None)

    async def _complete(self, job: str) -> bool:
        return holds(await self._stage.job(job), "Complete")

    async def _fate(self, job: str) -> str:
        """What became of a job that the bot has nothing to do with; empty while that is open."""
        if await self._complete(job):
            return "has run"
        warning = await self._warning(job)
        return f"{warning['reason']}: {warning['message']}" if warning else ""

    def _show(self, card: CardView | None, lines: int = 20) -> None:
        if card is not None:
            self._telling.card(card, lines)

    async def _judge(self, took_s: float) -> bool:
        found = [f"{each.chapter.title}: {each.problem}" for each in self._played if each.problem]
        found += await self._stage.complaints()
        wanted = sum(bool(each.chapter.about) + each.chapter.swept for each in self._played)
        shown = cards(self._stage.slack)
        if len(shown) != wanted:
            titles = "; ".join(card.headline for card in shown)
            found.append(f"there are {len(shown)} cards; the story has {wanted}: {titles}")
        rows = []
        for each in self._played:
            for name in each.jobs:
                job = await self._stage.job(name)
                ok = holds(job, "Complete") or not each.runs
                rows.append((name, "run" if each.runs else "be left alone", _did(job), ok))
                if not ok:
                    found.append(f"{name} should have run")
        self._telling.ending(rows, found, took_s)
        return not found


def _did(job: KubeObject) -> str:
    if holds(job, "Complete"):
        return "ran"
    return "failed by itself" if holds(job, "Failed") else "still waits"
