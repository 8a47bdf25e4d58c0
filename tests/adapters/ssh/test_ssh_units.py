"""A command's life on the node, moment by moment: taken over once, begun once, its end kept."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.core.action import Outcome, OutcomeKind
from bot.core.errors import InputError, PermanentError, TemporaryError, UnreachableError
from tests.adapters.ssh.paused import PausedNode, command, paused_node
from tests.adapters.ssh.sshd import public
from tests.waiting import eventually

UNIT = "imsbot-abcdefgh-1-do"


async def outcome_of(node: PausedNode, *argv: str, timeout_s: int = 20, stdin: str = "") -> Outcome:
    async with node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        await shell.start(UNIT, command(*argv, timeout_s=timeout_s, stdin=stdin), epoch)
        await node.run_unit(UNIT)
        outcome = await shell.collect(UNIT, 20)
        assert outcome is not None
        return outcome


async def test_exit_code_and_both_streams_are_kept(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        outcome = await outcome_of(node, "sh", "-c", "echo out; echo err >&2; exit 3")
        assert outcome == Outcome(OutcomeKind.FAILED, 3, "out\nerr")


async def test_a_unit_that_ends_at_once_is_told_with_the_answer_to_its_start(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell(linger_s=20) as shell:
        epoch = await shell.mint_epoch(0, "one")
        start = asyncio.create_task(shell.start(UNIT, command("sh", "-c", "echo done; exit 3"), epoch))
        await eventually(lambda: node.handed_over() == [UNIT])
        await node.run_unit(UNIT)
        await start
        node.break_systemd()  # so nobody is asked again
        assert Outcome(OutcomeKind.FAILED, 3, "done") == await shell.collect(UNIT, 5)


async def test_a_unit_that_lasts_is_not_judged_by_the_answer_to_its_start(tmp_path: Path) -> None:
    """Not even when systemd does not show it yet: its name must not be closed."""
    async with paused_node(tmp_path) as node, node.shell(linger_s=0.3) as shell:
        epoch = await shell.mint_epoch(0, "one")
        await shell.start(UNIT, command("echo", "late"), epoch)
        await node.run_unit(UNIT)
        assert Outcome(OutcomeKind.OK, 0, "late") == await shell.collect(UNIT, 20)


async def test_arguments_and_standard_input_arrive_byte_for_byte(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        script = "import sys; print(ascii(sys.argv[1:]), ascii(sys.stdin.read()))"
        outcome = await outcome_of(
            node, "python3", "-c", script, "a b", "$HOME;`id`", "'\"", "ü", stdin="é\n%s$x\n"
        )
        assert outcome.output == r"""['a b', '$HOME;`id`', '\'"', '\xfc'] '\xe9\n%s$x\n'"""
        assert outcome.kind is OutcomeKind.OK


async def test_a_large_standard_input_arrives_whole(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        assert (await outcome_of(node, "wc", "-c", stdin="x" * 262144)).output == "262144"


async def test_systemd_gets_a_bound_behind_our_own_and_forgets_a_failed_unit(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        await outcome_of(node, "true", timeout_s=7)
        assert {f"--unit={UNIT}", "--collect", "--property=RuntimeMaxSec=37"} <= set(node.options_of(UNIT))


async def test_a_second_start_changes_nothing_at_any_moment(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        count = tmp_path / "count"
        counting = command("sh", "-c", f"echo x >> {count}; sleep 0.5")
        await shell.start(UNIT, counting, epoch)
        await shell.start(UNIT, counting, epoch)
        running = await node.begin_unit(UNIT)
        await eventually(count.exists)
        await shell.start(UNIT, counting, epoch)
        await node.run_unit(UNIT)
        await running.wait()
        await shell.start(UNIT, counting, epoch)
        await node.run_unit(UNIT)
        assert await shell.collect(UNIT, 10) == Outcome(OutcomeKind.OK, 0, "")
        assert count.read_text() == "x\n"


async def test_a_name_that_was_never_taken_over_is_none_and_stays_closed(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        assert await shell.collect(UNIT, 10) is None
        await shell.start(UNIT, command("true"), epoch)
        assert node.handed_over() == []
        assert await shell.collect(UNIT, 10) is None


async def test_a_unit_that_systemd_lost_before_it_began_is_none_and_never_begins(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        done = tmp_path / "done"
        await shell.start(UNIT, command("touch", str(done)), epoch)
        assert await shell.collect(UNIT, 10) is None
        await node.run_unit(UNIT)
        assert not done.exists()


async def test_a_unit_that_ends_without_a_result_is_unknown_and_never_runs_again(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        count = tmp_path / "count"
        await shell.start(UNIT, command("sh", "-c", f"echo halfway; echo x >> {count}; sleep 2"), epoch)
        running = await node.begin_unit(UNIT)
        await eventually(count.exists)
        running.kill()
        await running.wait()
        outcome = await shell.collect(UNIT, 10)
        assert outcome == Outcome(
            OutcomeKind.UNKNOWN, None, "halfway\nit was killed before it could tell how it ended"
        )
        await shell.start(UNIT, command("true"), epoch)
        await node.run_unit(UNIT)
        assert count.read_text() == "x\n"


async def test_a_unit_of_an_earlier_boot_says_so(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        await shell.start(UNIT, command("true"), epoch)
        (node.state / "units" / UNIT / "began").write_text('{"boot": "another", "format": 1}')
        outcome = await shell.collect(UNIT, 10)
        assert outcome == Outcome(OutcomeKind.UNKNOWN, None, "the node rebooted while it ran")


async def test_a_torn_result_is_unknown(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        await outcome_of(node, "true")
        (node.state / "units" / UNIT / "result").write_bytes(b'{"kind": "o')
        async with node.shell() as shell:
            outcome = await shell.collect(UNIT, 10)
        assert outcome is not None
        assert outcome.kind is OutcomeKind.UNKNOWN
        assert "damaged" in outcome.output


async def test_the_time_bound_ends_the_whole_session_of_the_command(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        child = tmp_path / "child"
        outcome = await outcome_of(
            node, "sh", "-c", f"sleep 60 & echo $! > {child}; echo begun; wait", timeout_s=1
        )
        assert outcome == Outcome(OutcomeKind.TIMEOUT, None, "begun\nended after its time bound of 1 s")
        await eventually(lambda: not Path(f"/proc/{child.read_text().strip()}").exists())


async def test_a_command_may_clean_up_when_its_time_is_over(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        outcome = await outcome_of(
            node, "sh", "-c", "trap 'echo cleaned; exit 0' TERM; sleep 60 & wait", timeout_s=1
        )
        assert outcome == Outcome(OutcomeKind.TIMEOUT, None, "cleaned\nended after its time bound of 1 s")


async def test_a_unit_that_is_stopped_from_outside_is_unknown(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        ready = tmp_path / "ready"
        await shell.start(UNIT, command("sh", "-c", f"touch {ready}; sleep 60"), epoch)
        running = await node.begin_unit(UNIT)
        await eventually(ready.exists)
        running.send_signal(signal.SIGTERM)
        assert await running.wait() == 0
        outcome = await shell.collect(UNIT, 10)
        assert outcome == Outcome(
            OutcomeKind.UNKNOWN, None, "stopped from outside (systemctl stop, or a shutdown)"
        )


async def test_a_process_left_behind_with_the_output_does_not_hold_the_end(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        outcome = await outcome_of(node, "sh", "-c", "sleep 3 & echo done")
        assert outcome == Outcome(OutcomeKind.OK, 0, "done")


async def test_a_unit_counts_as_running_while_systemd_says_so(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        await outcome_of(node, "true")
        node.call_active(UNIT)
        async with node.shell() as shell:
            with pytest.raises(
                UnreachableError, match=rf"ncn-w001: {UNIT} has not ended within 3 s: it still runs"
            ):
                await shell.collect(UNIT, 3)
            node.call_active()
            assert await shell.collect(UNIT, 10) == Outcome(OutcomeKind.OK, 0, "")


@pytest.mark.parametrize(
    ("argv", "code", "why"),
    [(("no-such-program",), 127, "No such file or directory"), (("/etc/passwd",), 126, "Permission denied")],
)
async def test_a_program_that_cannot_run_is_a_failure_with_its_reason(
    tmp_path: Path, argv: tuple[str, ...], code: int, why: str
) -> None:
    async with paused_node(tmp_path) as node:
        outcome = await outcome_of(node, *argv)
        assert outcome == Outcome(OutcomeKind.FAILED, code, f"cannot run {argv[0]}: {why}")


async def test_a_command_that_a_signal_ends_is_a_failure(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        outcome = await outcome_of(node, "sh", "-c", "kill -9 $$")
        assert outcome == Outcome(OutcomeKind.FAILED, 137, "killed by signal 9")


async def test_endless_output_is_bounded_on_disk_and_its_end_is_kept(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        outcome = await outcome_of(node, "sh", "-c", "yes 0123456789abcdef | head -n 180000; echo last")
        record = node.state / "units" / UNIT
        assert sum(path.stat().st_size for path in record.glob("output*")) <= 1024 * 1024 + 65536
        assert outcome.output.splitlines()[-1] == "last"
        assert outcome.output.splitlines()[:2] == ["…", "0123456789abcdef"]
        assert len(outcome.output) <= 65536


async def test_garbage_and_hostile_output_becomes_harmless_text(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        outcome = await outcome_of(node, "printf", r"\033[31mred\000\342\200\256\377 ok\r\ntoken=abc123\n")
        assert outcome.output == "\\u001b[31mred\\u0000\\u202e\ufffd ok\ntoken=***"


async def test_what_systemd_does_not_take_over_has_failed_for_good(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        (node.bin / "systemd-run").write_text(
            "#!/bin/sh\necho 'Failed to start transient service unit' >&2\nexit 1\n"
        )
        await shell.start(UNIT, command("true"), epoch)
        outcome = await shell.collect(UNIT, 10)
        assert outcome == Outcome(
            OutcomeKind.FAILED, None, "systemd did not take it over: Failed to start transient service unit"
        )


async def test_a_systemd_that_cannot_be_asked_is_never_taken_for_an_ended_unit(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        await outcome_of(node, "true")
        node.break_systemd()
        async with node.shell() as shell:
            with pytest.raises(UnreachableError, match="systemctl list-units failed"):
                await shell.collect(UNIT, 2)


async def test_running_units_are_those_of_anybody_that_systemd_calls_active(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        assert await shell.running_units() == ()
        node.call_active("imsbot-abcdefgh-1-do", "sshd", "imsbot-hgfedcba-rollback")
        assert await shell.running_units() == ("imsbot-abcdefgh-1-do", "imsbot-hgfedcba-rollback")


async def test_old_records_are_forgotten_but_never_those_of_the_incident_at_hand(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        units = node.state / "units"
        for incident in ("abcdefgh", "hgfedcba"):
            for i in range(205):
                record = units / f"imsbot-{incident}-{i + 10}-do"
                record.mkdir()
                (record / "result").write_text("{}")
        await shell.start(UNIT, command("true"), epoch)
        kept = [path.name for path in units.iterdir()]
        assert len([name for name in kept if "hgfedcba" in name]) == 200
        assert len([name for name in kept if "abcdefgh" in name]) == 206


@pytest.mark.parametrize(
    "unit", ["", "sshd", "imsbot-", "imsbot-A-1", "imsbot-a-1/../x", "imsbot-a 1", "imsbot-a\n"]
)
async def test_a_name_that_is_not_ours_is_refused_here(tmp_path: Path, unit: str) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        with pytest.raises(InputError, match="cannot name a unit"):
            await shell.start(unit, command("true"), 1)
        with pytest.raises(InputError, match="cannot name a unit"):
            await shell.collect(unit, 1)


@pytest.mark.parametrize("argv", [(), ("",), ("echo", "a\0b")])
async def test_what_no_program_can_be_given_is_refused_here(tmp_path: Path, argv: tuple[str, ...]) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        with pytest.raises(InputError):
            await shell.start(UNIT, command(*argv), 1)


async def test_a_standard_input_that_is_too_long_is_refused_here(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        with pytest.raises(InputError, match="longer than 262144 bytes"):
            await shell.start(UNIT, command("cat", stdin="ü" * 200_000), 1)


async def test_a_start_whose_connection_is_cut_hands_the_command_over_all_the_same(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        for i in range(3):
            unit, done = f"imsbot-abcdefgh-{i}-do", tmp_path / f"done-{i}"
            starting = asyncio.create_task(shell.start(unit, command("touch", str(done)), epoch))
            await asyncio.sleep(0.08 * i)
            node.sshd.cut()
            await starting
            await node.run_unit(unit)
            assert await shell.collect(unit, 20) == Outcome(OutcomeKind.OK, 0, "")
            assert done.exists()


def rotate_known_hosts(node: PausedNode) -> None:
    (node.sshd.directory / "known_hosts").write_text("")


def rotate_client_key(node: PausedNode) -> None:
    (node.sshd.directory / "client_key").unlink()


def let_nobody_in(node: PausedNode) -> None:
    (node.sshd.directory / "authorized_keys").write_text("")


def garble(node: PausedNode) -> None:
    """Whatever is asked now runs, and what comes back is no answer."""
    (node.bin / "timeout").write_text('#!/bin/sh\n/usr/bin/timeout "$@"\nexit 1\n')
    (node.bin / "timeout").chmod(0o755)


@pytest.mark.parametrize("trouble", [rotate_known_hosts, rotate_client_key, let_nobody_in])
async def test_a_command_that_may_run_is_never_told_as_one_that_cannot(
    tmp_path: Path, trouble: Callable[[PausedNode], None]
) -> None:
    """The link goes after the unit is systemd's, and the second try fails for a reason that nobody would retry."""
    async with paused_node(tmp_path) as node:
        async with node.shell(linger_s=20) as shell:
            epoch = await shell.mint_epoch(0, "one")
            starting = asyncio.create_task(shell.start(UNIT, command("echo", "ran"), epoch))
            await eventually(lambda: node.handed_over() == [UNIT])
            trouble(node)
            node.sshd.cut()
            with pytest.raises(
                UnreachableError, match=r"the SSH connection was lost.*; when it was asked again: "
            ):
                await starting
        (node.sshd.directory / "authorized_keys").write_text(public(node.sshd.client_key) + "\n")
        await node.run_unit(UNIT)
        async with node.shell() as shell:
            assert await shell.collect(UNIT, 20) == Outcome(OutcomeKind.OK, 0, "ran")


async def test_a_start_whose_answer_is_none_may_have_started_its_command(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node:
        async with node.shell() as shell:
            epoch = await shell.mint_epoch(0, "one")
            garble(node)
            with pytest.raises(UnreachableError, match="its answer ended with exit status 1"):
                await shell.start(UNIT, command("true"), epoch)
        assert node.handed_over() == [UNIT]


async def test_a_start_that_never_reached_the_node_started_nothing(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        rotate_known_hosts(node)
        with pytest.raises(InputError, match="pins no host key"):
            await shell.start(UNIT, command("true"), 1)


async def test_a_node_that_cannot_look_how_the_command_ends_has_started_it_all_the_same(tmp_path: Path) -> None:
    async with paused_node(tmp_path) as node, node.shell(linger_s=20) as shell:
        epoch = await shell.mint_epoch(0, "one")
        starting = asyncio.create_task(shell.start(UNIT, command("true"), epoch))
        await eventually(lambda: node.handed_over() == [UNIT])
        (node.state / "lock").unlink()
        (node.state / "lock").mkdir()
        (node.state / "units" / UNIT / "result").write_text("{}")
        await starting


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB where the node keeps its state."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", state]).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield state
    subprocess.run(["umount", "--lazy", state], check=True)


def fill(directory: Path) -> None:
    with contextlib.suppress(OSError), (directory / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


async def test_a_node_whose_disk_is_full_keeps_no_record_and_runs_nothing(
    tmp_path: Path, small_disk: Path
) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        fill(small_disk)
        with pytest.raises(PermanentError, match=r"ncn-w001: .*No space left on device"):
            await shell.start(UNIT, command("true"), epoch)
        assert node.handed_over() == []


async def test_a_unit_that_systemd_was_slow_with_and_that_cannot_be_closed_may_still_begin(
    tmp_path: Path, small_disk: Path
) -> None:
    async with paused_node(tmp_path) as node, node.shell() as shell:
        epoch = await shell.mint_epoch(0, "one")
        (node.bin / "systemd-run").write_text(
            f"#!/bin/sh\ncat /dev/zero > {small_disk}/filler 2>/dev/null\necho timed out >&2\nexit 1\n"
        )
        with pytest.raises(TemporaryError, match=r"timed out; and imsbot-.* cannot be closed: No space left"):
            await shell.start(UNIT, command("true"), epoch)


async def test_a_disk_that_fills_up_while_a_command_runs_hides_neither_its_end_nor_its_words(
    tmp_path: Path, small_disk: Path
) -> None:
    async with paused_node(tmp_path) as node:
        script = f"cat /dev/zero > {small_disk}/filler 2>/dev/null; echo after; exit 4"
        assert await outcome_of(node, "sh", "-c", script) == Outcome(
            OutcomeKind.FAILED, 4, "after\n(its output could not be kept: No space left on device)"
        )
