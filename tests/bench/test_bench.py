"""The parts of the benchmark run, on tiny sizes, and what they write has the promised shape. No test of speed."""

from pathlib import Path

import msgspec
import pytest

from tests.bench import __main__ as bench
from tests.bench import ansible, peers, repair, rss, sweep
from tests.bench.events import by_bot
from tests.bench.events.stream import serve
from tests.bench.fleet import healthy_fleet
from tests.bench.report import (
    SIZES,
    EventsPerSecond,
    Part,
    RepairSeconds,
    Report,
    ResidentMib,
    SweepSeconds,
    merge,
)
from tests.sandbox.whole.afterwards import configurations

PARTS: dict[str, Part] = {
    "events": EventsPerSecond(bot=3.0, kopf=1.0, floor=4.0),
    "rss": ResidentMib(idle=90.0, ten_thousand_pods=120.0),
    "sweep": SweepSeconds(bot=dict.fromkeys(SIZES, 1.0), ansible=dict.fromkeys(SIZES, 10.0)),
    "repair": RepairSeconds(bot=1.0, ansible=9.0, bare_ssh=0.9),
}


def test_the_file_has_the_shape_that_was_promised(tmp_path: Path) -> None:
    for part in PARTS.values():
        merge(tmp_path / "build/bench.json", part)

    sizes = {"1", "10", "50"}
    written = msgspec.json.decode((tmp_path / "build/bench.json").read_bytes())
    assert {"events_per_s", "rss_mib", "sweep_s", "repair_s"} == set(written)
    assert {"bot", "kopf", "floor"} == set(written["events_per_s"])
    assert {"idle", "ten_thousand_pods"} == set(written["rss_mib"])
    assert {"bot": sizes, "ansible": sizes} == {who: set(took) for who, took in written["sweep_s"].items()}
    assert {"bot", "ansible", "bare_ssh"} == set(written["repair_s"])


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_measured_again_replaces_its_own_numbers_only(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bench.json"
    for part in PARTS.values():
        merge(path, part)
    before = msgspec.json.decode(path.read_bytes(), type=Report)
    assert before == merge(path, PARTS[name])


def test_a_file_of_another_shape_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text('{"events": 5}')
    with pytest.raises(msgspec.ValidationError):
        merge(path, PARTS["rss"])


def test_every_part_can_be_asked_for() -> None:
    assert set(PARTS) == set(bench.PARTS)


async def test_the_bot_hears_the_whole_stream_and_recognises_the_failures(tmp_path: Path) -> None:
    server, kubeconfig = await serve(300, tmp_path)
    server.arm()
    try:
        heard = await by_bot.listen(kubeconfig, 300)
    finally:
        await server.stop()
    assert (300, 3) == (heard.heard, heard.matched)
    assert heard.ended_at > server.began


async def test_both_look_at_the_same_nodes(tmp_path: Path) -> None:
    async with healthy_fleet(tmp_path, 2) as fleet:
        assert await sweep.by_bot(fleet) > 0
        if peers.installed():
            assert await sweep.by_ansible(fleet) > 0


async def test_the_repair_s_own_commands_repair_the_node_without_the_bot(tmp_path: Path) -> None:
    async with repair.sandbox_of(tmp_path) as sandbox:
        broken = repair.BrokenNode.of(sandbox)
        await sandbox.bot.start()
        assert await broken.repair_by_bot() > 0
        healed = configurations(sandbox)[repair.NODE]
        assert broken.text != healed
        await sandbox.bot.stop()
        commands = repair.commands_of(sandbox)
        assert await broken.repair_by_ssh(commands) > 0
        assert healed == configurations(sandbox)[repair.NODE]


def test_what_looks_like_a_template_reaches_ansible_as_it_is() -> None:
    text = ansible.render_playbook([ansible.Command(("printf", "{{ 1 }}"), "{% if x %}\n")])
    assert 2 == text.count("!unsafe '{")


async def test_memory_is_that_of_the_running_bot(tmp_path: Path) -> None:
    resident = await rss.measure(tmp_path, pods=20, settled_s=0.1)
    assert resident.idle > 40
    assert resident.ten_thousand_pods > 40
