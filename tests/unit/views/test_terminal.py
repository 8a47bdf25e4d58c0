"""What is printed can be copied: no command, path, hash or line of a diff is broken or cut, at any width."""

from dataclasses import replace

import pytest
from msgspec import structs

from bot.cli.printing import print_text
from bot.core.drift import Drift, DriftKind, Row
from bot.core.pause import Door, Paused
from bot.views.sweep_table import summary, sweep_table
from bot.views.terminal import halt_line, incident_table, incident_text, plan_text
from tests.unit.views import stories as s

PIN = f"ssh-keyscan ncn-w001 >> /etc/imsbot/ssh/known_hosts # {'k' * 400}"


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


def test_a_plan_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    plan = s.large_plan()
    print_text(plan_text(plan))
    printed = capsys.readouterr().out.splitlines()
    lines = [line for step in plan.steps for line in (*step.detail, *step.diff)]
    assert any(len(line) > 80 for line in lines)
    assert [] == [line for line in lines if f"      {line}".rstrip() not in map(str.rstrip, printed)]


@pytest.mark.parametrize("name", s.stories())
def test_an_incident_is_printed_whole(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    incident = s.stories()[name]
    print_text(incident_text(incident))
    printed = capsys.readouterr().out
    told = [sighting.message for sighting in incident.sightings]
    told += [step.evidence or step.planned.title for step in (*incident.steps, *incident.undo)]
    told += [act.purpose for step in (*incident.steps, *incident.undo) for act in step.acts]
    assert [] == [text for text in told if text not in printed]


def test_each_incident_is_one_line_of_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    found = list(s.stories().values())
    print_text(incident_table(found))
    head, *lines = capsys.readouterr().out.splitlines()
    assert [i.id for i in found] == [line.split()[0] for line in lines]
    assert {head.index("TARGET")} == {line.index("ncn-w001") for line in lines}


def test_what_is_no_markup_of_ours_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    target = structs.replace(s.target(), name="[red]ncn[/red]")
    print_text(incident_table([replace(s.story(), target=target)]))
    assert "[red]ncn[/red]" in capsys.readouterr().out


def test_a_sweep_prints_the_command_that_pins_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    drift = Drift(DriftKind.LINK_BROKEN, "there is no /usr/local/bin/containerd-shim-kata-qemu-v2")
    print_text(sweep_table([Row(s.target(1), unreadable=PIN), Row(s.target(2), (drift,), would=("x" * 300,))]))
    printed = capsys.readouterr().out.splitlines()
    assert f"    {PIN}" in printed
    assert f"    link missing or wrong: {drift.detail}" in printed
    assert f"    a repair would: {'x' * 300}" in printed


def test_one_node_is_one_node() -> None:
    assert "1 expected node, 0 with drift" == summary([Row(s.target(1))])
    assert "2 expected nodes, 0 with drift" == summary([Row(s.target(1)), Row(s.target(2))])


def test_a_pause_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_text(halt_line(Paused(s.at(0), Door.TERMINAL, s.ROOT, "the mirror is being moved " * 9)))
    assert 1 == len(capsys.readouterr().out.splitlines())
