"""What an open incident still listens to, where it stands."""

from bot.core import entries as e
from bot.core.lifecycle import fold
from bot.core.messages import counts
from bot.core.model import Family
from tests.unit.core.samples import ID, answered, asked, at, opened, plan, sighting

DOWN = e.Sighted(at=at(5), sighting=sighting(Family.CONTAINERD_DOWN))
FURTHER_POD = e.Sighted(at=at(5), sighting=sighting(name="cray-ims-2-create-fghij"))
WAITING = [opened(), e.Planned(at=at(0), plan=plan()), asked()]
STARTED = e.Started(at=at(3), epoch=1, holder="journal")


def test_another_family_joins_an_incident_that_waits() -> None:
    assert counts(DOWN, fold(ID, WAITING))


def test_while_a_node_is_worked_on_no_other_family_joins_but_further_pods_do() -> None:
    running = fold(ID, [*WAITING, answered(), STARTED])

    assert not counts(DOWN, running)
    assert counts(FURTHER_POD, running)
