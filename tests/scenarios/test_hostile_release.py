"""A held incident always has a way out: whatever a person, the node or the program did meanwhile."""

import asyncio

import msgspec
import pytest

from bot.core import entries as e
from bot.core.action import DeleteCanary, Outcome, OutcomeKind, SetCordon
from bot.core.incident import Phase
from bot.core.marks import CORDON, HOLD
from bot.core.model import Actor, Digest, Family, IncidentId, Plan, Result, Verb
from bot.steps.cordon import Cordon
from tests.scenarios.harness import TARGET, Engine, Stage
from tests.scenarios.test_repair import approved
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

ROOT = Actor(via="cli", user="root")


async def held(engine: Engine, stage: Stage) -> None:
    """The node went away in the middle of the repair."""
    await approved(engine)
    await engine.until(lambda: stage.node.cordoned)
    stage.net.down = True
    await engine.until_phase(Phase.HELD)


async def release(engine: Engine) -> Result | None:
    ok, words, _ = engine.commands.release(samples.NODE, ROOT)
    assert ok, words
    return (await engine.until_phase(Phase.CLOSED)).result


def test_a_dead_node_is_released_through_the_api_alone() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await held(engine, stage)
            assert Result.RESTORED is await release(engine)
        assert stage.net.down
        assert not stage.node.cordoned
        assert {} == stage.node.annotations

    run_virtually(scenario())


def test_a_release_waits_for_a_command_that_still_runs_where_the_node_can_be_asked() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["validate"] = 1200.0
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: bool(stage.node.running), step_s=1)
            stage.net.down = True
            await engine.until_phase(Phase.HELD)
            stage.net.down = False
            assert stage.node.running
            assert Result.RESTORED is await release(engine)
            assert set() == stage.node.running
        assert [] == stage.leases.released_early

    run_virtually(scenario())


def test_an_api_that_is_away_does_not_make_the_node_a_lost_one() -> None:
    """Killed amid a command, the API away for long, released by a person: the command still ends first."""

    async def scenario() -> None:
        stage = Stage()
        stage.node.slow["restart"] = 900.0
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: bool(stage.node.running), step_s=1)
        stage.leases.unreachable = True
        async with stage.engine() as engine:
            await engine.until_phase(Phase.HELD)
            assert engine.commands.release(samples.NODE, ROOT)[0]
            await asyncio.sleep(2)
            assert stage.node.running
            stage.leases.unreachable = False
            await engine.until(lambda: not stage.node.cordoned, step_s=1)
            assert not stage.node.running

    run_virtually(scenario())


def test_a_release_survives_a_kill_at_every_entry() -> None:
    async def scenario(number: int) -> bool:
        stage = Stage()
        async with stage.engine() as engine:
            await held(engine, stage)
            stage.journal.kill_at = stage.journal.appends + number
            engine.commands.release(samples.NODE, ROOT)
            await engine.until_phase(Phase.CLOSED)
        survived = not stage.journal.killed.is_set()
        stage.journal.killed.clear()
        stage.journal.kill_at = None
        async with stage.engine() as engine:
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.RESTORED is incident.result, number
        assert not stage.node.cordoned, number
        return survived

    ended = []
    for number in range(1, 20):
        run_virtually(_keep(ended, scenario(number)))
        if ended[-1]:
            return
    raise AssertionError("the release has more entries than that")


async def _keep(found: list[bool], scenario: "asyncio.Future[bool]") -> None:
    found.append(await scenario)


@pytest.mark.parametrize("took", ["annotation removed", "uncordoned"])
def test_what_is_left_of_ours_is_given_back_after_a_person_took_the_cordon(took: str) -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.cluster.canary_verdict = "hangs"
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: stage.cluster.canary is not None, step_s=1)
            if took == "uncordoned":
                stage.node.cordoned = False
            else:
                del stage.node.annotations[CORDON]
            await engine.until_phase(Phase.HELD)
            assert stage.cluster.canary is not None
            assert Result.RESTORED is await release(engine)
        assert stage.cluster.canary is None
        assert {} == stage.node.annotations
        assert (took != "uncordoned") is stage.node.cordoned, "as the person left it"

    run_virtually(scenario())


def test_a_hold_stands_above_a_release_and_says_so() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await held(engine, stage)
            assert engine.commands.release(samples.NODE, ROOT)[0]
            stage.node.annotations[HOLD] = "ask me first"
            await engine.until(lambda: "ask me first" in engine.only.held)
            ok, words, _ = engine.commands.release(samples.NODE, ROOT)
            assert (False, True) == (ok, f"`kubectl annotate node {samples.NODE} {HOLD}-` first" in words)
            assert Phase.HELD is engine.only.phase
            assert stage.node.cordoned
            del stage.node.annotations[HOLD]
            assert Result.RESTORED is await release(engine)

    run_virtually(scenario())


def test_a_release_says_that_the_node_s_own_way_back_is_still_armed() -> None:
    async def scenario() -> None:
        stage = Stage()

        def hold(_: int, entry: e.Entry) -> None:
            if isinstance(entry, e.Intended) and entry.key == "arm":
                stage.node.annotations[HOLD] = "ask me first"

        async with stage.engine() as engine:
            stage.journal.on_append = hold
            await approved(engine)
            incident = await engine.until_phase(Phase.HELD)
            stage.node.annotations.pop(HOLD)
            await release(engine)
            assert engine.only.closed is not None
            assert f"`systemctl stop imsbot-rollback-{incident.id}.timer`" in engine.only.closed.why

    run_virtually(scenario())


def test_an_undo_that_fails_is_held_with_its_cordon_and_reminds_until_it_is_released() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.node.broken["restart"] = Outcome(OutcomeKind.FAILED, 1, "Job for containerd.service failed")
        stage.node.broken["restore"] = Outcome(OutcomeKind.FAILED, 1, "No space left on device")
        async with stage.engine() as engine:
            await approved(engine)
            incident = await engine.until_phase(Phase.HELD)
            assert "No space left on device" in incident.held
            assert stage.node.cordoned
            await engine.until(lambda: engine.only.reminders == 2)
            reminded = [x.at for x in stage.entries if isinstance(x, e.Reminded)]
            assert 4 * 3600 <= (reminded[1] - reminded[0]).total_seconds() <= 4 * 3600 + 900
            assert Result.RESTORED is await release(engine)
        assert not stage.node.cordoned

    run_virtually(scenario())


def test_new_failures_on_a_held_node_do_not_put_its_reminder_off() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await held(engine, stage)
            for number in range(9):
                await asyncio.sleep(3600)
                engine.desk.sight(engine.only.target, stage.sighting(pod=f"another-{number}"))
            assert 2 == engine.only.reminders

    run_virtually(scenario())


def test_a_person_who_uncordons_just_before_us_leaves_no_mark_behind() -> None:
    async def scenario() -> None:
        stage = Stage()
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: any(isinstance(x, DeleteCanary) for x in stage.cluster.applied), step_s=0.2)
            stage.node.cordoned = False
            incident = await engine.until_phase(Phase.CLOSED)
        assert Result.HEALED is incident.result
        assert {} == stage.node.annotations

    run_virtually(scenario())


def held_by_another_version(stage: Stage, unknown: Verb) -> IncidentId:
    """A journal in which a step is of a form that this program does not know."""
    cordon = Cordon(node=samples.NODE, node_uid=samples.UID, incident="abcd2345", why="x").planned()
    step = msgspec.structs.replace(cordon, verb=unknown, name="from-the-future", spec='{"step":"from-the-future"}')
    plan = Plan(TARGET, "cafe-0001", (cordon, step), Digest("d" * 64), (Family.HANDLER_NOT_CONFIGURED,))
    now, incident = stage.clock.now(), IncidentId("abcd2345")
    change = SetCordon(samples.NODE, samples.UID, incident, cordoned=True)
    stage.journal.written[incident] = [
        e.Opened(at=now, target=TARGET, sighting=stage.sighting()),
        e.Planned(at=now, plan=plan),
        e.Started(at=now, epoch=1, holder="journal-1"),
        e.StepBegan(at=now, name="cordon"),
        e.Intended(at=now, seq=1, step="cordon", key="set-cordon", purpose="cordon", change=change),
        e.Ended(at=now, seq=1, outcome=Outcome(OutcomeKind.OK)),
        e.StepEnded(at=now, name="cordon", evidence="cordoned"),
        e.StepBegan(at=now, name="from-the-future"),
        e.Intended(at=now, seq=2, step="from-the-future", key="x", purpose="x"),
        e.Held(at=now, why="x"),
    ]
    stage.node.cordoned = True
    stage.node.annotations[CORDON] = incident
    return incident


def test_a_step_of_another_version_of_the_program_is_in_no_release_s_way() -> None:
    async def scenario() -> None:
        stage = Stage()
        held_by_another_version(stage, Verb.INSTALL)
        async with stage.engine() as engine:
            assert Result.RESTORED is await release(engine)
        assert not stage.node.cordoned

    run_virtually(scenario())


def test_a_release_that_the_program_cannot_carry_out_is_told_once() -> None:
    async def scenario() -> None:
        stage = Stage()
        incident = held_by_another_version(stage, Verb.LABEL)
        async with stage.engine() as engine:
            engine.commands.release(samples.NODE, ROOT)
            await asyncio.sleep(3600)
            assert Phase.HELD is engine.only.phase
            assert "error of its own" in engine.only.held
            assert 13 == len(stage.journal.written[incident]), "release, held, card"

    run_virtually(scenario())


def test_an_incident_of_which_nothing_is_known_is_kept_for_people_and_stops_nobody_else() -> None:
    async def scenario() -> None:
        stage, lost = Stage(), IncidentId("lost2222")
        stage.journal.unknown[lost] = "record 1 of the journal is not known to this program (format 2)"
        async with stage.engine() as engine:
            assert stage.journal.unknown == engine.desk.unreadable
            assert engine.sight() is not None
            assert TARGET == engine.only.target

    run_virtually(scenario())


def test_an_incident_whose_last_record_is_not_known_is_held_and_gives_nothing_back_by_itself() -> None:
    """Also when a person had asked for that before: what came of it is what is not known."""

    async def scenario() -> None:
        stage = Stage()
        incident = held_by_another_version(stage, Verb.INSTALL)
        stage.journal.written[incident].append(e.ReleaseAsked(at=stage.clock.now(), actor=ROOT))
        stage.journal.unknown[incident] = "record 12 of the journal is not known to this program (format 2)"
        async with stage.engine() as engine:
            await asyncio.sleep(3600)
            assert (Phase.HELD, True) == (engine.only.phase, stage.node.cordoned)
            assert stage.journal.unknown[incident] == stage.cards.last[incident].held

    run_virtually(scenario())
