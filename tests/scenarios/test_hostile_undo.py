"""People and the node's own way back, in the middle of a restart and of what undoes it."""

from bot.core import entries as e
from bot.core.action import SetCordon
from bot.core.incident import Phase
from bot.core.model import Result
from tests.scenarios.harness import Stage
from tests.scenarios.test_repair import approved
from tests.scenarios.virtual_time import run_virtually
from tests.unit.steps import samples


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
