"""What systemd 252 answers: true of the stand-in, and of a worker of the lab (`tests/subjects`)."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.subjects import Subject, simulated

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Subject]:
    """One for the whole module: the tests use names of their own."""
    async with simulated(tmp_path_factory.mktemp("worker")) as node:
        yield node


async def run(node: Subject, script: str) -> str:
    """stdout and stderr together, then the exit status."""
    return await node.shell(f"({script}) 2>&1; echo rc=$?")


async def test_wait_and_pipe_hand_over_output_and_exit_status(node: Subject) -> None:
    said = await run(node, "echo in | systemd-run --unit=t1 --wait --pipe -q sh -c 'cat; echo err >&2; exit 3'")
    assert "in\nerr\nrc=3\n" == said


async def test_a_failed_unit_keeps_its_result_and_blocks_its_name_until_reset(node: Subject) -> None:
    await run(node, "systemd-run --unit=imsbot-x --wait -q sh -c 'exit 3'")
    shown = await node.shell(
        "systemctl show imsbot-x -p SubState,Result,ExecMainStatus,ExecMainCode,ActiveState,LoadState"
    )
    assert (
        "Result=exit-code\nExecMainCode=1\nExecMainStatus=3\nLoadState=loaded\nActiveState=failed\nSubState=failed\n"
        == shown
    )
    taken = "Unit imsbot-x.service was already loaded or has a fragment file."
    again = await run(node, "systemd-run --unit=imsbot-x true")
    assert f"Failed to start transient service unit: {taken}\nrc=1\n" == again
    assert "rc=0\n" == await run(node, "systemctl reset-failed imsbot-x")
    assert "rc=0\n" == await run(node, "systemd-run -q --unit=imsbot-x true")


async def test_a_collected_unit_leaves_nothing(node: Subject) -> None:
    await run(node, "systemd-run --unit=t2 --collect --wait -q sh -c 'exit 9'")
    shown = await node.shell("systemctl show t2 -p Result -p ExecMainStatus -p ActiveState,LoadState --value")
    assert "success\n0\nnot-found\ninactive\n" == shown


async def test_values_come_in_systemds_order_not_in_the_asked_one(node: Subject) -> None:
    shown = await node.shell("systemctl show containerd -p ActiveState,Result,MainPID --value")
    assert ["success", "active"] == shown.splitlines()[1:]


async def test_a_runtime_bound_ends_the_unit_with_timeout(node: Subject) -> None:
    assert "rc=1\n" == await run(node, "systemd-run --unit=t3 --wait -q -p RuntimeMaxSec=100ms sleep 5")
    shown = await node.shell("systemctl show t3 -p Result,ExecMainCode,ExecMainStatus")
    assert "Result=timeout\nExecMainCode=2\nExecMainStatus=15\n" == shown


async def test_a_unit_that_ignores_sigterm_is_killed_after_its_stop_bound(node: Subject) -> None:
    script = "systemd-run --unit=t4 --wait -q -p RuntimeMaxSec=100ms -p TimeoutStopSec=100ms python3 -c '{}'"
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(9)"
    assert "rc=1\n" == await run(node, script.format(stubborn))
    assert "2\n9\n" == await node.shell("systemctl show t4 -p ExecMainCode,ExecMainStatus --value")


async def test_what_a_unit_leaves_behind_dies_with_it(node: Subject) -> None:
    await node.shell("systemd-run -q --wait sh -c 'setsid sleep 77 >/dev/null 2>&1 & echo started'")
    assert "0\n" == await node.shell("pgrep -xf 'sleep 77' | wc -l")


async def test_a_unit_outlives_the_session_that_started_it(node: Subject) -> None:
    async with node.login() as shell:
        waiting = "touch /tmp/on; until [ -e /tmp/off ]; do sleep 0.05; done; exit 7"
        await shell.create_process(f"systemd-run --unit=imsbot-long --wait -q sh -c '{waiting}'")
        await node.shell("until [ -e /tmp/on ]; do sleep 0.01; done")
        await node.cut()
    async with node.login() as shell:
        listed = await shell.run("systemctl list-units 'imsbot-*' --all --plain --no-legend")
        assert str(listed.stdout).startswith("imsbot-long.service loaded active running ")
        await shell.run("touch /tmp/off; while systemctl is-active -q imsbot-long; do sleep 0.05; done")
        ended = await shell.run("systemctl show imsbot-long -p ExecMainStatus --value")
    assert "7\n" == ended.stdout


async def test_output_goes_to_files_and_the_file_is_not_truncated(node: Subject) -> None:
    await node.shell("echo 'long old line' > /tmp/o; systemd-run -q --wait -p StandardOutput=file:/tmp/o echo new")
    assert "new\n old line\n" == await node.shell("cat /tmp/o")
    await node.shell(
        "for i in 1 2; do systemd-run -q --wait -p StandardOutput=append:/tmp/a sh -c 'echo a; echo b >&2'; done"
    )
    assert "a\nb\na\nb\n" == await node.shell("cat /tmp/a")


async def test_output_that_cannot_be_opened_fails_the_unit(node: Subject) -> None:
    await run(node, "systemd-run --unit=k -q --wait -p StandardOutput=append:/no/such/x true")
    assert "exit-code\n209\n" == await node.shell("systemctl show k -p ExecMainStatus,Result --value")


async def test_a_unit_has_a_bare_environment(node: Subject) -> None:
    said = await node.shell("SECRET=x systemd-run -q --wait --pipe --setenv=A=b env | cut -d= -f1 | sort")
    assert "A\nINVOCATION_ID\nLANG\nPATH\nSYSTEMD_EXEC_PID\n" == said
    assert "/\n" == await node.shell("cd /tmp; systemd-run -q --wait --pipe pwd")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("--foo=1 true", "systemd-run: unrecognized option '--foo=1'"),
        ("-p Foo=1 true", "Unknown assignment: Foo=1"),
        ("-p RuntimeMaxSec=abc true", "Failed to parse RuntimeMaxSec=abc: Invalid argument"),
        ("nosuchprogram", "Failed to find executable nosuchprogram: No such file or directory"),
        ("", "Command line to execute required."),
        ("--on-active=30 --wait true", "--wait may not be combined with path, socket or timer operations."),
    ],
)
async def test_systemd_run_refuses_what_it_does_not_know(node: Subject, arguments: str, answer: str) -> None:
    assert f"{answer}\nrc=1\n" == await run(node, f"systemd-run {arguments}")


async def test_a_one_shot_that_fails_fails_its_client(node: Subject) -> None:
    said = await run(node, "systemd-run --unit=t5 --service-type=oneshot sh -c 'exit 4'")
    assert (
        "Job for t5.service failed because the control process exited with error code.\n"
        'See "systemctl status t5.service" and "journalctl -xeu t5.service" for details.\nrc=1\n' == said
    )


async def test_exec_type_notices_a_program_that_cannot_be_run(node: Subject) -> None:
    await node.shell("printf '#!/no/such\\n' > /tmp/bad; chmod 755 /tmp/bad")
    assert "rc=1\n" in await run(node, "systemd-run --unit=t7 --service-type=exec /tmp/bad")
    assert "exit-code\n203\n" == await node.shell("systemctl show t7 -p ExecMainStatus,Result --value")
    assert "Running as unit: t8.service\nrc=0\n" == await run(node, "systemd-run --unit=t8 /tmp/bad")


async def test_a_timer_without_an_accuracy_is_late(node: Subject) -> None:
    """All of one machine that may fire within a second do so at the same moment of it: whoever comes just after
    that moment waits for the next."""
    took: list[float] = []
    for each in ("/tmp/late-1", "/tmp/late-2"):
        began = time.monotonic()
        await node.shell(f"systemd-run -q --on-active=50ms --timer-property=AccuracySec=1s touch {each}")
        await node.shell(f"until [ -e {each} ]; do sleep 0.02; done")
        took.append(time.monotonic() - began)
    assert took[1] >= 0.6


async def test_an_accurate_timer_fires_and_both_units_are_forgotten(node: Subject) -> None:
    said = await run(
        node, "systemd-run --unit=y --on-active=100ms --timer-property=AccuracySec=1ms touch /tmp/fired"
    )
    assert "Running timer as unit: y.timer\nWill run service as unit: y.service\nrc=0\n" == said
    await node.shell("until [ -e /tmp/fired ]; do sleep 0.02; done")
    await node.shell("until [ -z \"$(systemctl list-units --all --no-legend 'y*')\" ]; do sleep 0.02; done")


async def test_a_stopped_timer_never_fires_and_frees_its_name(node: Subject) -> None:
    await run(node, "systemd-run -q --unit=r --on-active=60 --timer-property=AccuracySec=100ms touch /tmp/fired")
    listed = await node.shell("systemctl list-units 'r.*' --all --plain --no-legend")
    assert [
        "r.service loaded inactive dead    /usr/bin/touch /tmp/fired",
        "r.timer   loaded active   waiting /usr/bin/touch /tmp/fired",
    ] == listed.splitlines()
    assert "Unit r.timer was already loaded" in await run(node, "systemd-run --unit=r --on-active=60 true")
    assert "rc=0\n" == await run(node, "systemctl stop r.timer")
    assert "rc=0\n" == await run(node, "systemd-run -q --unit=r true")


async def test_a_service_is_stopped_and_its_waiting_client_told(node: Subject) -> None:
    waiting = asyncio.ensure_future(run(node, "systemd-run --unit=w --wait sleep 60"))
    await node.shell("until systemctl is-active -q w; do sleep 0.02; done; systemctl stop w")
    said = await waiting
    assert "Finished with result: success\nMain processes terminated with: code=killed/status=TERM\n" in said
    assert said.endswith("rc=0\n")


async def test_a_reboot_forgets_transient_units_and_timers(node: Subject) -> None:
    await run(node, "systemd-run -q --unit=imsbot-a sleep 60; systemd-run -q --unit=imsbot-b --on-active=60 true")
    await node.reboot()
    assert "" == await node.shell("systemctl list-units --all --no-legend 'imsbot-*'")
    assert "active\n" == await node.shell("systemctl is-active containerd")


async def test_unknown_units_are_answered_as_systemd_answers(node: Subject) -> None:
    assert "Failed to stop nope.service: Unit nope.service not loaded.\nrc=5\n" == await run(
        node, "systemctl stop nope"
    )
    assert "No files found for nope.service.\nrc=1\n" == await run(node, "systemctl cat nope")
    assert "inactive\nrc=3\n" == await run(node, "systemctl is-active nope")
    shown = await node.shell(
        "systemctl show nope -p ActiveState,LoadState,ExecStart,DropInPaths,ActiveEnterTimestamp"
    )
    assert "LoadState=not-found\nActiveState=inactive\nDropInPaths=\nActiveEnterTimestamp=\n" == shown


async def test_a_transient_unit_can_be_read(node: Subject) -> None:
    await node.shell("systemd-run -q --unit=c -p RuntimeMaxSec=60 sleep 30")
    assert (
        "# /run/systemd/transient/c.service\n"
        "# This is a transient unit file, created programmatically via the systemd API. Do not edit.\n"
        "[Unit]\nDescription=/usr/bin/sleep 30\n\n"
        '[Service]\nRuntimeMaxSec=1min\nExecStart=\nExecStart="/usr/bin/sleep" "30"\n'
    ) == await node.shell("systemctl cat c")
