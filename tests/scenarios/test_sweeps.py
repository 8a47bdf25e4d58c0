"""Sweeps: incidents that rest until somebody picks them, remembered over restarts, and in nobody's way."""

import asyncio
from datetime import datetime, timedelta

import pytest

from bot.core import entries as e
from bot.core import sweep as s
from bot.core.drift import DriftKind, State
from bot.core.incident import Incident, Phase
from bot.core.model import Actor, Family, Result, Target
from bot.core.objects import KATA_LABEL
from bot.engine.approvals import Reply
from tests.scenarios.harness import APPROVER, CLASS, DAY_S, SECOND, TARGET, Engine, Stage
from tests.scenarios.simulated import SimulatedNode
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

ROOT = Actor(via="cli", user="root")
GUEST = Actor(via="slack", user="U0GUEST", team="T0TEAM")
HOUR_S = 3600.0


def swept(**changes: object) -> Stage:
    """Two of the workers are expected to run Kata, and lack the handler."""
    stage = Stage(**changes)
    stage.sweeping = True
    stage.cluster.labelled = False
    stage.cluster.pod_there = False
    return stage


def repaired(node: SimulatedNode) -> None:
    node.content = node.loaded = samples.CONFIGURED


def on(engine: Engine, target: Target) -> Incident:
    return next(i for i in engine.desk.incidents() if i.target == target)


def ends(stage: Stage) -> list[s.Ended]:
    return [record for record in stage.journal.swept if isinstance(record, s.Ended)]


def begins(stage: Stage) -> list[s.Begun]:
    return [record for record in stage.journal.swept if isinstance(record, s.Begun)]


async def sweep(engine: Engine) -> s.Ended:
    """One sweep from its begin to its end."""
    before = len(ends(engine.stage))
    engine.sweeps.ask(None)
    await engine.until(lambda: len(ends(engine.stage)) > before)
    return ends(engine.stage)[-1]


def test_drift_gives_one_digest_and_incidents_that_nobody_is_asked_about() -> None:
    async def scenario() -> None:
        stage = swept()
        async with stage.engine() as engine:
            end = await sweep(engine)
            assert [TARGET.name, SECOND.name] == [row.target.name for row in end.drift]
            assert {on(engine, TARGET).id, on(engine, SECOND).id} == {row.incident for row in end.drift}
            await engine.ticks(5 * HOUR_S)
            assert {Phase.UNASKED} == {i.phase for i in engine.desk.incidents()}
            assert [] == stage.cards.delivered
            assert [] == stage.node.ran
            assert stage.cards.bulletin is not None
            assert end == stage.cards.bulletin.ended
            assert 2 == len(stage.cards.bulletin.incidents)

    run_virtually(scenario())


def test_a_further_sweep_opens_nothing_twice_and_keeps_the_digest() -> None:
    async def scenario() -> None:
        stage = swept()
        async with stage.engine() as engine:
            first = await sweep(engine)
            repaired(stage.second)
            stage.node.labels.clear()
            second = await sweep(engine)
            assert first.digest == second.digest
            assert () == second.news
            assert first.drift[0].incident == second.drift[0].incident
            assert {DriftKind.HANDLER_NOT_LOADED, DriftKind.LABEL_LOST} == {d.kind for d in second.drift[0].drifts}
            assert 2 == len(stage.journal.written)
            await engine.until(lambda: on(engine, SECOND).phase is Phase.CLOSED)
            assert Result.WITHDRAWN is on(engine, SECOND).result
            repaired(stage.node)
            stage.node.labels[KATA_LABEL] = "true"
            third = await sweep(engine)
            assert (first.digest, ()) == (third.digest, third.drift), "the card says that all is settled"
            fourth = await sweep(engine)
            assert "" == fourth.digest
            stage.second.content = stage.second.loaded = samples.CONFIG
            await asyncio.sleep(HOUR_S)
            fifth = await sweep(engine)
            assert fifth.digest not in {"", first.digest}, "new drift is told on a new card"

    run_virtually(scenario())


@pytest.mark.parametrize("door", ["button", "repair"])
def test_a_picked_row_is_asked_about_and_repaired_and_the_others_rest(door: str) -> None:
    async def scenario() -> None:
        stage = swept()
        async with stage.engine() as engine:
            await sweep(engine)
            rests = on(engine, TARGET)
            if door == "button":
                assert not engine.commands.pick(rests.id, GUEST)[0]
                assert engine.commands.pick(rests.id, APPROVER)[0]
                assert not engine.commands.pick(rests.id, APPROVER)[0], "picked already"
            else:
                assert engine.commands.repair(samples.NODE, ROOT)[0]
            await engine.until(lambda: on(engine, TARGET).phase is Phase.ASKED)
            assert rests.id == on(engine, TARGET).id
            assert Reply.ACCEPTED is engine.answer_of(on(engine, TARGET))
            await engine.until(lambda: on(engine, TARGET).phase is Phase.CLOSED)
            assert Result.HEALED is on(engine, TARGET).result
            assert Phase.UNASKED is on(engine, SECOND).phase
            end = await sweep(engine)
            assert [SECOND.name] == [row.target.name for row in end.drift]

    run_virtually(scenario())


def test_a_missing_runtimeclass_rests_as_an_incident_of_its_own_that_can_be_picked_without_slack() -> None:
    async def scenario() -> None:
        stage = swept()
        repaired(stage.node)
        repaired(stage.second)
        stage.cluster.class_there = False
        async with stage.engine() as engine:
            end = await sweep(engine)
            (row,) = end.drift
            assert ("kata-qemu", [DriftKind.CLASS_CHANGED]) == (row.target.name, [d.kind for d in row.drifts])
            assert engine.commands.repair("kata-qemu", ROOT)[0]
            await engine.until_phase(Phase.ASKED)
            assert engine.only.plan is not None
            assert ["runtimeclass"] == [step.verb for step in engine.only.plan.steps]

    run_virtually(scenario())


def test_a_denied_row_stays_quiet_for_a_day_and_then_rests_again() -> None:
    async def scenario() -> None:
        stage = swept()
        async with stage.engine() as engine:
            await sweep(engine)
            denied = on(engine, TARGET).id
            engine.commands.pick(denied, APPROVER)
            await engine.until(lambda: on(engine, TARGET).phase is Phase.ASKED)
            engine.answer_of(on(engine, TARGET), approve=False)
            await engine.until(lambda: on(engine, TARGET).phase is Phase.CLOSED)
            await asyncio.sleep(HOUR_S)
            end = await sweep(engine)
            assert denied == end.drift[0].incident
            assert 2 == len(engine.desk.incidents())
            await asyncio.sleep(DAY_S)
            end = await sweep(engine)
            assert denied != end.drift[0].incident
            assert Phase.UNASKED is engine.desk.find(end.drift[0].incident).phase  # type: ignore[union-attr]

    run_virtually(scenario())


def test_a_job_that_fails_where_an_incident_rests_is_asked_about_at_once() -> None:
    async def scenario() -> None:
        stage = swept()
        async with stage.engine() as engine:
            await sweep(engine)
            stage.cluster.pod_there = True
            assert on(engine, TARGET).id == engine.sight()
            await engine.until(lambda: on(engine, TARGET).phase is Phase.ASKED)
            assert (Family.HANDLER_NOT_CONFIGURED,) == on(engine, TARGET).families
            assert Phase.UNASKED is on(engine, SECOND).phase

    run_virtually(scenario())


def test_drift_on_many_nodes_is_no_storm_and_a_storm_counts_only_failures() -> None:
    async def scenario() -> None:
        stage = swept()
        third = SimulatedNode("ncn-w003", "7e57-0003")
        stage.cluster.nodes = (stage.node, stage.second, third)
        async with stage.engine() as engine:
            end = await sweep(engine)
            assert 3 == len(end.drift)
            stage.cluster.pod_there = True
            engine.sight()
            await engine.until(lambda: on(engine, TARGET).phase is Phase.ASKED)
            engine.sight(target=SECOND)
            engine.sight(target=Target(TARGET.kind, third.name, third.uid))
            await engine.until(lambda: {i.phase for i in engine.desk.incidents()} == {Phase.UNASKED})
            assert 1 == len({i.storm for i in engine.desk.incidents()} - {""})

    run_virtually(scenario())


def test_a_job_without_a_node_may_take_one_on_which_an_incident_rests() -> None:
    async def scenario() -> None:
        stage = swept(nodes={"expected": [TARGET.name, SECOND.name]})
        stage.node.labels.clear()
        stage.second.labels.clear()
        repaired(stage.node)
        async with stage.engine() as engine:
            await sweep(engine)
            rests = on(engine, TARGET).id
            stage.cluster.pod_there = True
            chooses = engine.desk.sight(CLASS, stage.sighting(Family.UNSCHEDULABLE_LABEL))
            assert chooses is not None
            await engine.until(lambda: engine.desk.find(chooses).phase is Phase.ASKED)  # type: ignore[union-attr]
            chosen = engine.desk.find(chooses)
            assert chosen is not None
            assert TARGET == chosen.target
            await engine.until(lambda: not engine.desk.find(rests).open)  # type: ignore[union-attr]
            assert Result.WITHDRAWN is engine.desk.find(rests).result  # type: ignore[union-attr]

    run_virtually(scenario())


def test_a_node_that_lost_its_label_stays_expected_over_restarts_until_it_is_forgotten() -> None:
    async def scenario() -> None:
        stage = swept()
        repaired(stage.node)
        repaired(stage.second)
        async with stage.engine() as engine:
            assert () == (await sweep(engine)).drift
        stage.second.labels.clear()
        async with stage.engine() as engine:
            end = await sweep(engine)
            assert [DriftKind.LABEL_LOST] == [drift.kind for row in end.drift for drift in row.drifts]
            assert await engine.sweeps.forget(SECOND.name, ROOT)
            assert not await engine.sweeps.forget(SECOND.name, ROOT), "once is enough"
            await engine.until(lambda: on(engine, SECOND).phase is Phase.CLOSED)
        async with stage.engine() as engine:
            assert () == (await sweep(engine)).drift
            assert (samples.NODE,) == begins(stage)[-1].nodes

    run_virtually(scenario())


def test_a_node_that_cannot_be_read_is_told_of_and_its_incident_stays() -> None:
    async def scenario() -> None:
        stage = swept()
        async with stage.engine() as engine:
            await sweep(engine)
            stage.node.unreadable = True
            end = await sweep(engine)
            assert [State.UNREADABLE, State.DRIFT] == [row.state for row in end.rows]
            assert Phase.UNASKED is on(engine, TARGET).phase
            assert 2 == len(engine.desk.incidents())

    run_virtually(scenario())


def test_drift_that_could_not_be_read_for_a_while_stays_on_its_card() -> None:
    async def scenario() -> None:
        stage = swept()
        repaired(stage.second)
        async with stage.engine() as engine:
            first = await sweep(engine)
            stage.node.unreadable = True
            for _ in range(2):
                blind = await sweep(engine)
                assert (first.digest, (TARGET.name,)) == (blind.digest, blind.unclear)
            stage.node.unreadable = False
            again = await sweep(engine)
            assert (first.digest, (), ()) == (again.digest, again.unclear, again.news)

    run_virtually(scenario())


def test_a_node_whose_facts_meet_a_defect_is_unreadable_and_the_rest_is_swept() -> None:
    async def scenario() -> None:
        stage = swept()
        stage.node.puzzling = True
        async with stage.engine() as engine:
            end = await sweep(engine)
            assert [State.UNREADABLE, State.DRIFT] == [row.state for row in end.rows]
            assert "a defect of the bot (RuntimeError)" in end.rows[0].unreadable

    run_virtually(scenario())


def test_a_sweep_waits_for_an_api_that_does_not_answer_for_as_long_as_it_takes() -> None:
    async def scenario() -> None:
        stage = swept()
        stage.cluster.down = True
        async with stage.engine() as engine:
            engine.sweeps.ask(None)
            await asyncio.sleep(2 * HOUR_S)
            assert [] == begins(stage)
            stage.cluster.down = False
            await engine.until(lambda: bool(ends(stage)), within_s=120, step_s=10)
            await engine.ticks(HOUR_S)
            assert 1 == len(ends(stage))

    run_virtually(scenario())


def test_a_sweep_that_meets_a_defect_is_repeated_for_who_asked_for_it() -> None:
    async def scenario() -> None:
        stage = swept()
        stage.cluster.defects = 1
        async with stage.engine() as engine:
            engine.sweeps.ask(ROOT)
            await engine.until(lambda: bool(ends(stage)))
            assert [ROOT] == [begun.actor for begun in begins(stage)]

    run_virtually(scenario())


def test_a_defect_that_lasts_ends_a_sweep_after_three_tries() -> None:
    async def scenario() -> None:
        stage = swept()
        stage.cluster.defects = 1000
        async with stage.engine() as engine:
            engine.sweeps.ask(None)
            await engine.ticks(4 * HOUR_S)
            assert 3 == 1000 - stage.cluster.defects
            stage.cluster.defects = 0
            assert (await sweep(engine)).drift

    run_virtually(scenario())


def test_cards_that_cannot_be_drawn_change_nothing_else() -> None:
    async def scenario() -> None:
        stage = swept()
        stage.cards.broken = True
        async with stage.engine() as engine:
            assert (await sweep(engine)).drift
            await engine.ticks(4 * HOUR_S)
            assert 1 == len(ends(stage))
        async with stage.engine() as engine:
            assert 2 == len(engine.desk.incidents())

    run_virtually(scenario())


@pytest.mark.parametrize("reads_first", [True, False])
def test_a_node_that_is_forgotten_while_a_sweep_begins_is_not_expected_by_it(reads_first: bool) -> None:
    async def scenario() -> None:
        stage = swept()
        async with stage.engine() as engine:
            await sweep(engine)
            stage.second.labels.clear()
            stage.cluster.slow_s, stage.journal.slow_notes_s = 10, 5
            if reads_first:
                engine.sweeps.ask(None)
                await asyncio.sleep(5)
            forgetting = asyncio.create_task(engine.sweeps.forget(SECOND.name, ROOT))
            await asyncio.sleep(1)
            if not reads_first:
                engine.sweeps.ask(None)
            assert await forgetting
            await engine.until(lambda: 2 == len(ends(stage)))
            assert (samples.NODE,) == begins(stage)[-1].nodes
            assert [samples.NODE] == [row.target.name for row in ends(stage)[-1].rows]
            assert SECOND.name not in engine.sweeps.memory.expected

    run_virtually(scenario())


def test_a_node_that_is_forgotten_while_a_sweep_ends_is_not_on_its_card() -> None:
    async def scenario() -> None:
        stage = swept()
        stage.journal.slow_s = 1.0
        async with stage.engine() as engine:
            engine.sweeps.ask(None)
            await engine.until(lambda: bool(engine.desk.incidents()), step_s=0.1)
            assert await engine.sweeps.forget(SECOND.name, ROOT)
            await engine.until(lambda: bool(ends(stage)), step_s=1)
            assert ([TARGET.name], (TARGET.name,)) == (
                [row.target.name for row in ends(stage)[-1].rows],
                ends(stage)[-1].news,
            )

    run_virtually(scenario())


def test_a_node_that_was_forgotten_amid_a_sweep_cut_short_is_expected_again_by_its_label() -> None:
    async def scenario() -> None:
        stage = swept()
        stage.net.slow_s = 10
        async with stage.engine() as engine:
            engine.sweeps.ask(None)
            await engine.until(lambda: bool(begins(stage)), step_s=1)
            assert await engine.sweeps.forget(SECOND.name, ROOT)
        async with stage.engine() as engine:
            await engine.until(lambda: bool(ends(stage)))
            assert {samples.NODE, SECOND.name} == engine.sweeps.memory.expected

    run_virtually(scenario())


def test_a_node_that_was_rebuilt_is_not_said_to_be_expected_no_more() -> None:
    async def scenario() -> None:
        stage = swept()
        async with stage.engine() as engine:
            await sweep(engine)
            old = on(engine, SECOND).id
            stage.second.uid = "7e57-new"
            await sweep(engine)
            await engine.ticks(10)
            closed = engine.desk.find(old)
            assert closed is not None
            assert closed.closed is not None
            assert "is another one now, or was removed" in closed.closed.why

    run_virtually(scenario())


def nightly(moment: datetime) -> datetime:
    """At four o'clock; the stage begins at three."""
    four = moment.replace(hour=4, minute=0, second=0, microsecond=0)
    return four if four > moment else four + timedelta(days=1)


def test_a_sweep_missed_while_the_bot_was_down_is_made_up_for_once() -> None:
    async def scenario() -> None:
        stage = swept()
        stage.fires_after = nightly
        async with stage.engine() as engine:
            await engine.ticks(60)
        await asyncio.sleep(2 * HOUR_S)
        async with stage.engine() as engine:
            await engine.until(lambda: bool(ends(stage)))
        async with stage.engine() as engine:
            await engine.ticks(600)
        assert 1 == len(ends(stage)), "a further restart repeats nothing"
        await asyncio.sleep(DAY_S + 8 * HOUR_S)
        async with stage.engine() as engine:
            await engine.ticks(600)
        assert 1 == len(ends(stage)), "too late: sweep.grace_s"

    run_virtually(scenario())


async def killed_in(stage: Stage) -> None:
    """A first life that ends at the journal's append of that number, if the sweep gets so far."""
    async with stage.engine() as engine:
        engine.sweeps.ask(None)
        await engine.until(lambda: bool(ends(stage)) and not stage.journal.killed.is_set())
    stage.journal.killed.clear()
    stage.journal.kill_at = None


def appends_of_a_sweep() -> int:
    stage = swept()
    run_virtually(killed_in(stage))
    return stage.journal.appends


@pytest.mark.parametrize("before", [True, False], ids=["entry-lost", "entry-written"])
def test_killed_at_every_entry_of_a_sweep_no_incident_is_lost_or_repeated_or_asked(before: bool) -> None:
    entries = appends_of_a_sweep()
    assert 5 == entries, "scheduled, begun, an incident for each of two nodes, ended"
    for number in range(2, entries + 1):

        async def scenario(number: int = number) -> None:
            stage = swept()
            stage.fires_after = nightly
            stage.journal.kill_at, stage.journal.kill_before = number, before
            await killed_in(stage)
            await asyncio.sleep(HOUR_S + 60)
            async with stage.engine() as engine:
                await engine.until(lambda: bool(ends(stage)))
                await engine.ticks(600)
                assert [TARGET.name, SECOND.name] == sorted(i.target.name for i in engine.desk.incidents())
                assert {Phase.UNASKED} == {i.phase for i in engine.desk.incidents()}, number
                end = ends(stage)[-1]
                assert {i.id for i in engine.desk.incidents()} == {row.incident for row in end.drift}
                assert {end.digest} == {i.swept.digest for i in engine.desk.incidents() if i.swept}
                assert stage.cards.bulletin is not None
                assert end.digest == stage.cards.bulletin.ended.digest
                assert 2 == len(stage.cards.bulletin.incidents)
            assert [] == stage.cards.delivered

        run_virtually(scenario())


def test_only_the_first_entry_of_an_incident_says_that_it_rests() -> None:
    async def scenario() -> None:
        stage = swept()
        async with stage.engine() as engine:
            await sweep(engine)
        for entries in stage.journal.written.values():
            (opened,) = entries
            assert isinstance(opened, e.Opened)
            assert opened.swept is not None

    run_virtually(scenario())


def test_a_dead_node_does_not_delay_the_rest_and_the_sweep_ends_within_its_bound() -> None:
    async def scenario() -> None:
        stage = swept(sweep={"nodes_at_once": 1})
        stage.net.hangs.add(samples.NODE)
        async with stage.engine() as engine:
            began_s = stage.clock.monotonic()
            end = await sweep(engine)
            bound_s = stage.settings.ssh.facts_timeout_s
            assert 2 * bound_s >= stage.clock.monotonic() - began_s
            (dead,) = [row for row in end.rows if row.state is State.UNREADABLE]
            assert f"{samples.NODE}: no facts within {bound_s:g} s" == dead.unreadable
            assert [SECOND.name] == [row.target.name for row in end.drift]

    run_virtually(scenario())
