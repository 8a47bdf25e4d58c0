"""containerd of a simulated worker: what a restart does, and with which words a pod does not start."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sandbox.api import KubeObject
from tests.sandbox.controllers.runtime import NodeRuntime, SandboxFailed, SandboxStarted
from tests.sandbox.nodes import (
    BROKEN_CONFIG,
    CSM_UNIT,
    HEALTHY,
    UNTUNED,
    WITHOUT_HANDLER,
    WITHOUT_RUNC,
    WITHOUT_SHIM,
    Nodes,
    NodeState,
    render_config,
)
from tests.sandbox.nodes.refusals import (
    NOT_ENABLED,
    NOT_EXECUTABLE,
    NOT_INSTALLED,
    REFUSALS,
    XATTR,
    Refusal,
)
from tests.sandbox.nodes.state import CONFIG, KATA_CONFIG, SHIM

LINK = "/usr/local/bin/containerd-shim-kata-qemu-v2"


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    async with Nodes(tmp_path / "nodes") as nodes:
        yield nodes


def pod(name: str = "job") -> KubeObject:
    return {"metadata": {"name": name, "namespace": "ims", "uid": f"uid-{name}"}}


async def start(
    node: NodeRuntime,
    handler: str | None = "kata-qemu",
    annotations: dict[str, str] | None = None,
    name: str = "job",
) -> SandboxStarted | SandboxFailed:
    return await node.run_pod_sandbox(handler, annotations or {}, pod(name))


async def fail(node: NodeRuntime, annotations: dict[str, str] | None = None) -> str:
    answer = await start(node, annotations=annotations)
    assert isinstance(answer, SandboxFailed), answer
    return answer.message


async def test_a_healthy_node_starts_pods_of_both_runtimes_with_their_own_kernels(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001")
    host = (await node.shell("uname -r")).strip()
    assert SandboxStarted("6.12.22-145") == await start(node, annotations=XATTR)
    assert SandboxStarted(host) == await start(node, handler=None, name="plain")
    assert await node.sandbox_running("uid-job")
    await node.stop_pod_sandbox("uid-job")
    assert not await node.sandbox_running("uid-job")


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
async def test_files_decide_which_error_a_node_reports(nodes: Nodes, refusal: Refusal) -> None:
    node = await nodes.add("ncn-w001", refusal.state)
    assert refusal.words == await fail(node)
    assert isinstance(await start(node, handler=None), SandboxStarted)


async def test_a_shim_beside_containerd_is_tried_without_its_execute_bit(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001", NodeState(not_executable=(SHIM,)))
    assert NOT_EXECUTABLE == await fail(node)


async def test_an_annotation_is_refused_only_where_it_is_set_and_not_enabled(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001", UNTUNED)
    assert isinstance(await start(node), SandboxStarted)
    await node.stop_pod_sandbox("uid-job")
    assert NOT_ENABLED.words == await fail(node, XATTR)
    await node.shell(f'sed -i \'s/"enable_iommu"/"enable_iommu", "virtio_fs_extra_args"/\' {KATA_CONFIG}')
    assert isinstance(await start(node, annotations=XATTR), SandboxStarted)


async def test_an_annotation_that_containerd_does_not_pass_on_is_never_refused(nodes: Nodes) -> None:
    config = render_config(("kata-qemu",)).replace(
        'pod_annotations = ["io.katacontainers.*"]', "pod_annotations = []"
    )
    node = await nodes.add("ncn-w001", replace(UNTUNED, config=config))
    assert isinstance(await start(node, annotations=XATTR), SandboxStarted)


async def test_a_memory_folder_that_is_not_there_fails_the_machine(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001")
    await node.shell("rmdir /var/lib/kata")
    assert "can't open backing store /var/lib/kata for guest RAM: No such file or directory" in await fail(node)


async def test_a_link_heals_without_a_restart(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001", WITHOUT_SHIM)
    await fail(node)
    await node.shell(f"ln -s {SHIM} {LINK}")
    assert isinstance(await start(node), SandboxStarted)


async def test_a_found_shim_is_remembered_until_the_next_restart(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001")
    await start(node)
    await node.stop_pod_sandbox("uid-job")
    await node.shell(f"rm {LINK}")
    assert f"failed to start shim: start failed: : fork/exec {LINK}: no such file or directory" in await fail(node)
    await node.shell("systemctl restart containerd")
    assert NOT_INSTALLED == await fail(node)


async def test_a_corrupt_shim_is_an_exec_format_error(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001")
    await node.shell(f"printf '\\177ELF' > {SHIM}")
    assert (await fail(node)).endswith(f"fork/exec {LINK}: exec format error: unknown")


async def test_a_handler_lives_only_after_the_restart(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001", WITHOUT_HANDLER)
    (node.files.host_path(CONFIG)).write_text(render_config(("kata-qemu",)))
    assert 'no runtime for "kata-qemu" is configured' in await fail(node)
    assert "1\n" == await node.shell("crictl info | grep -c runc.v2")
    await node.shell("systemctl restart containerd")
    assert isinstance(await start(node), SandboxStarted)
    info = json.loads(await node.shell("crictl info"))
    assert {"runc", "kata-qemu"} == set(info["config"]["containerd"]["runtimes"])
    assert info["config"]["containerd"]["runtimes"]["kata-qemu"]["PodAnnotations"] == ["io.katacontainers.*"]


async def test_a_restart_with_a_broken_file_fails_and_is_tried_again(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001")
    good = node.files.host_path(CONFIG).read_text()
    node.files.host_path(CONFIG).write_text(good + good.partition("[plugins]")[2])
    said = await node.shell(
        "systemctl restart containerd 2>&1; echo rc=$?; systemctl is-active containerd; echo rc=$?"
    )
    assert said.startswith(
        "Job for containerd.service failed because the control process exited with error code.\n"
    )
    assert said.endswith("rc=1\nactivating\nrc=3\n")
    shown = await node.shell("systemctl show containerd -p SubState,Result,ExecMainStatus --value")
    assert "exit-code\n1\nauto-restart\n" == shown
    assert not await node.ready()
    assert (await fail(node)).startswith("rpc error: code = Unavailable desc = connection error: ")


async def test_after_quick_failures_even_a_good_file_needs_reset_failed(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001", BROKEN_CONFIG)
    await node.shell("for i in 1 2 3 4 5; do systemctl restart containerd; done 2>/dev/null; true")
    assert "failed\n" == await node.shell("systemctl is-active containerd; true")
    node.files.host_path(CONFIG).write_text(render_config(("kata-qemu",)))
    assert "rc=1\n" == await node.shell("systemctl start containerd 2>/dev/null; echo rc=$?")
    assert "rc=0\n" == await node.shell(
        "systemctl reset-failed containerd; systemctl start containerd; echo rc=$?"
    )
    assert await node.ready()


async def test_a_file_without_the_default_runtime_kills_cri_but_not_the_daemon(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001", WITHOUT_RUNC)
    assert "active\n" == await node.shell("systemctl is-active containerd")
    said = await node.shell("crictl info 2>&1; echo rc=$?")
    assert "rpc error: code = Unimplemented desc = unknown service runtime.v1.RuntimeService" in said
    assert said.endswith("rc=1\n")
    assert not await node.ready()


async def test_a_plain_unit_leaves_containers_alone_at_a_restart(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001")
    await start(node)
    await node.shell("systemctl restart containerd")
    assert await node.sandbox_running("uid-job")


async def test_csms_unit_kills_every_container_at_a_restart(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001", CSM_UNIT)
    killed: asyncio.Queue[list[str]] = asyncio.Queue()
    node.on_containers_killed = lambda uids: killed.put_nowait(list(uids))
    await start(node, handler=None)
    cat = await node.shell("systemctl cat containerd; systemctl show containerd -p FragmentPath --value")
    assert "ExecStopPost=/usr/bin/find /run/containerd/io.containerd.runtime.v2.task -name address" in cat
    assert cat.endswith("\n/etc/systemd/system/containerd.service\n")
    await node.shell("systemctl restart containerd")
    assert ["uid-job"] == await asyncio.wait_for(killed.get(), 5)
    assert not await node.sandbox_running("uid-job")


async def test_crictl_starts_and_removes_a_sandbox(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001")
    sandbox = json.dumps({"metadata": {"name": "probe", "namespace": "default", "uid": "u1", "attempt": 0}})
    await node.shell(f"printf %s '{sandbox}' > /tmp/sandbox.json")
    sandbox_id = (await node.shell("crictl runp --runtime kata-qemu /tmp/sandbox.json")).strip()
    listed = json.loads(await node.shell("crictl pods -o json"))["items"]
    assert [(sandbox_id, "SANDBOX_READY", "kata-qemu")] == [
        (i["id"], i["state"], i["runtimeHandler"]) for i in listed
    ]
    again = await node.shell("crictl runp --runtime kata-qemu /tmp/sandbox.json 2>&1; echo rc=$?")
    assert "failed to reserve sandbox name" in again
    await node.shell(f"crictl stopp {sandbox_id[:13]}; crictl rmp {sandbox_id[:13]}")
    assert {"items": []} == json.loads(await node.shell("crictl pods -o json"))


async def test_crictl_prints_the_runtimes_error(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001", WITHOUT_HANDLER)
    await node.shell("""echo '{"metadata":{"name":"p","namespace":"d","uid":"u"}}' > /tmp/s.json""")
    said = await node.shell("crictl runp -r kata-qemu /tmp/s.json 2>&1; echo rc=$?")
    assert 3 == said.count("\n"), said
    assert said.startswith("E")
    assert '] "RunPodSandbox from runtime service failed" err="rpc error: code = Unknown desc = failed to' in said
    assert said.endswith(
        'level=fatal msg="run pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: '
        'no runtime for \\"kata-qemu\\" is configured"\nrc=1\n'
    )


async def test_a_running_kata_sandbox_is_a_process_from_opt_kata_that_keeps_its_file_busy(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001", HEALTHY)
    machine = "/opt/kata/bin/qemu-system-x86_64"
    await start(node)
    assert f"{machine}\n" == await node.shell(f"readlink /proc/$(pgrep -f ^{machine})/exe")
    assert "Text file busy" in await node.shell(f"cp /bin/true {machine} 2>&1; true")
    await node.stop_pod_sandbox("uid-job")
    assert "0\n" == await node.shell(f"pgrep -f ^{machine} | wc -l")
    assert "QEMU emulator version 9.1.2 (kata-static)\n" == await node.shell(f"{machine} --version")


async def test_a_reboot_forgets_sandboxes_and_loads_the_file_anew(nodes: Nodes) -> None:
    node = await nodes.add("ncn-w001", WITHOUT_HANDLER)
    await start(node, handler=None)
    node.files.host_path(CONFIG).write_text(render_config(("kata-qemu",)))
    await node.reboot()
    assert not await node.sandbox_running("uid-job")
    assert isinstance(await start(node), SandboxStarted)
