"""People and the node's own way back, in the middle of a restart and of what undoes it."""

from collections.abc import Callable

import pytest

from bot.core import entries as e
from bot.core.action import SetCordon
from bot.core.facts.ours import Rollback
from bot.core.incident import Phase
from bot.core.marks import HOLD
from bot.core.model import Actor, Result
from bot.views.card import render_card
from bot.views.terminal import incident_text
from bot.views.thread import thread_posts
from tests.scenarios.harness import Stage
from tests.scenarios.test_repair import approved
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples

ROOT = Actor(via="cli", user="root")


def test_a_person_s_cordon_is_in_no_undo_s_way_and_stays() -> None:
    """The operator sees jobs fail on the node that was just given back, before the bot does."""

    async def scenario() -> None:
        stage = Stage()

        def cordon(_: int, entry: e.Entry) -> None:
            if isinstance(entry, e.StepEnded) and entry.name == "uncordon" and not entry.undo:
                stage.node.cordoned = stage.cluster.fails_again = True

        stage.journal.on_append = cordon
        async with stage.engine() as engine:
            await approved(engine)
            await engine.until(lambda: engine.only.phase in {Phase.HELD, Phase.CLOSED})
            incident = engine.only
        assert (Result.RESTORED, "") == (incident.result, incident.held)
        assert samples.CONFIG == stage.node.content == stage.node.loaded
        assert stage.node.cordoned, "as the person left it"
        assert {} == stage.node.annotations
        assert [True, False] == [x.cordoned for x in stage.cluster.applied if isinstance(x, SetCordon)]

    run_virtually(scenario())


def test_after_a_release_a_node_whose_way_back_is_armed_is_looked_at_again_later() -> None:
    """Else it would be judged good by handlers that its timer takes away within minutes."""

    async def scenario() -> None:
        stage = Stage()
        stage.journal.on_append = hold_at(stage, "restart")
        async with stage.engine() as engine:
            await approved(engine)
            first = await engine.until_phase(Phase.HELD)
            stage.node.annotations.pop(HOLD)
            assert engine.commands.release(samples.NODE, ROOT)[0]
            await engine.until_phase(Phase.CLOSED)
            assert "kata-qemu" in stage.node.loaded

            _, _, second = engine.commands.repair(samples.NODE, ROOT)
            await engine.until(lambda: not engine.desk.find(second).open)
            assert ["rollback"] == [b.check for b in engine.desk.find(second).diagnosis.blockers]

            stage.node.rollback = Rollback(first.id, fired=True, armed=False)
            stage.node.content = stage.node.loaded = samples.CONFIG
            _, _, third = engine.commands.repair(samples.NODE, ROOT)
            await engine.until(lambda: engine.desk.find(third).phase is Phase.ASKED)

    run_virtually(scenario())


@pytest.mark.parametrize("key", ["arm", "restart"])
def test_a_hold_in_the_middle_of_a_restart_says_what_the_node_still_does_by_itself(key: str) -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.journal.on_append = hold_at(stage, key)
        async with stage.engine() as engine:
            await approved(engine)
            incident = await engine.until_phase(Phase.HELD)
        assert stage.node.rollback is not None
        assert incident.held.startswith(f"a person set {HOLD} on {samples.NODE}: network work. The node's own way")
        shown = (
            repr(render_card(incident)),
            next(post.text for post in thread_posts(incident) if post.key.startswith("held-")),
            incident_text(incident).plain,
        )
        assert all(f"systemctl stop imsbot-rollback-{incident.id}.timer" in text for text in shown)
        assert all("restarts containerd" in text for text in shown)

    run_virtually(scenario())


def test_a_node_that_is_lost_while_its_way_back_is_disarmed_may_still_go_back() -> None:
    async def scenario() -> None:
        stage = Stage()

        def lose(_: int, entry: e.Entry) -> None:
            if isinstance(entry, e.Intended) and entry.key == "disarm":
                stage.net.down = True

        stage.journal.on_append = lose
        async with stage.engine() as engine:
            await approved(engine)
            incident = await engine.until_phase(Phase.HELD)
            assert f"`systemctl stop imsbot-rollback-{incident.id}.timer`" in incident.held

    run_virtually(scenario())


def test_a_hold_after_the_restart_warns_of_nothing() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.journal.on_append = hold_at(stage, "sandbox")
        async with stage.engine() as engine:
            await approved(engine)
            incident = await engine.until_phase(Phase.HELD)
        assert f"a person set {HOLD} on {samples.NODE}: network work" == incident.held

    run_virtually(scenario())


def hold_at(stage: Stage, key: str) -> Callable[[int, e.Entry], None]:
    """A person sets the hold while this command runs."""

    def hold(_: int, entry: e.Entry) -> None:
        if isinstance(entry, e.Intended) and entry.key == key:
            stage.node.annotations[HOLD] = "network work"

    return hold
