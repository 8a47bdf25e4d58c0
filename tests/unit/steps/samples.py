"""A worker on which everything is right, as facts; tests break one thing at a time."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from bot.core.facts import Facts, NodeFacts
from bot.core.facts.cluster import ClusterFacts
from bot.core.facts.config_file import ConfigFile
from bot.core.facts.dump import Dump
from bot.core.facts.host import Host
from bot.core.facts.kata_config import KataConfig
from bot.core.facts.kata_tree import KataTree
from bot.core.facts.ours import Ours
from bot.core.facts.owners import Owners
from bot.core.facts.packages import Packages
from bot.core.facts.processes import Processes
from bot.core.facts.runtime import Runtime
from bot.core.facts.shims import NAMES, Shim, Shims, ShimState
from bot.core.facts.sockets import Sockets
from bot.core.facts.space import Room, Space
from bot.core.facts.tools import KNOWN, Tools
from bot.core.facts.unit import Unit
from bot.core.facts.virtualization import Virtualization
from bot.core.model import Family, IncidentId, Target, TargetKind, Verb
from bot.core.objects import (
    KATA_LABEL,
    Condition,
    Container,
    Event,
    Meta,
    Node,
    NodeInfo,
    NodeSpec,
    NodeStatus,
    ObjectReference,
    Overhead,
    OwnerReference,
    Pod,
    PodSpec,
    PodStatus,
    RuntimeClass,
    Scheduling,
)
from bot.core.settings import Settings
from bot.steps.situation import Situation

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NODE = "ncn-w001"
UID = "7e57-0001"
INCIDENT = IncidentId("abcd2345")
CEILING = frozenset(Verb) - {Verb.RUNTIMECLASS}

CONFIG = """\
# rendered at first boot
version = 2

[metrics]
  address = "0.0.0.0:1338"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.local/k8s.gcr.io/pause:3.6"

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true

[plugins."io.containerd.grpc.v1.cri".registry.configs."registry.local".auth]
  password = "hunter2"
"""

_DEFAULTS = "/opt/kata/share/defaults/kata-containers"

KATA_TABLES = f"""
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata]
  runtime_type = "io.containerd.kata.v2"
  privileged_without_host_devices = true
  pod_annotations = ["io.katacontainers.*"]
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata.options]
    ConfigPath = "{_DEFAULTS}/configuration.toml"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-qemu]
  runtime_type = "io.containerd.kata-qemu.v2"
  privileged_without_host_devices = true
  pod_annotations = ["io.katacontainers.*"]
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-qemu.options]
    ConfigPath = "{_DEFAULTS}/configuration-qemu.toml"
"""

CONFIGURED = CONFIG + KATA_TABLES

KATA_TOML = """\
# a stock file
[hypervisor.qemu]
path = "/opt/kata/bin/qemu-system-x86_64"
kernel = "/opt/kata/share/kata-containers/vmlinux.container"
image = "/opt/kata/share/kata-containers/kata-containers.img"
virtio_fs_daemon = "/opt/kata/libexec/virtiofsd"
enable_annotations = ["enable_iommu", "virtio_fs_extra_args", "default_memory", "kernel_params", "cpu_features"]
file_mem_backend = "/var/lib/kata"

[runtime]
internetworking_model = "tcfilter"
"""


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "mode": "approve",
        "ssh": {"client_key": "/keys/id", "known_hosts": "/keys/hosts"},
        "canary": {"image": "registry.local/cray-ims-utils:1"},
        "kata": {
            "archive": {
                "version": "3.17.0",
                "url": "https://packages.local/kata/kata-static-3.17.0-amd64.tar.xz",
                "sha256": "ab" * 32,
            }
        },
    }
    return Settings.model_validate(values | changes)


def configured(node: NodeFacts, text: str) -> NodeFacts:
    """The node with this configuration on disk; what runs does not change."""
    return replace(
        node, config_file=replace(node.config_file, content=text.encode()), dump=Dump(text=text, error=None)
    )


def node_facts(**changes: Any) -> NodeFacts:
    room = Room(device=1, free_bytes=50 * 1024**3, free_inodes=10**6, options=frozenset({"rw"}))
    healthy = NodeFacts(
        host=Host(NODE, "x86_64", "5.14.21-150500", "boot-1"),
        virtualization=Virtualization("usable", "usable", True),
        tools=Tools(frozenset(KNOWN), (3, 6)),
        space=Space({"/opt": room, "/var/lib": room}),
        unit=Unit(
            loaded=True,
            active="active",
            sub="running",
            kill_mode="process",
            stop_post=(),
            binary="/usr/local/bin/containerd",
            config="/etc/containerd/config.toml",
            version=(1, 7, 27),
            age_s=3600.0,
        ),
        config_file=ConfigFile(
            path="/etc/containerd/config.toml",
            real="/etc/containerd/config.toml",
            content=CONFIGURED.encode(),
            mode="644",
            owner="0:0",
            age_s=7200,
        ),
        dump=Dump(CONFIGURED, None),
        runtime=Runtime(True, True, frozenset({"runc", "kata", "kata-qemu"}), ""),
        kata_tree=KataTree("directory", "", "3.17.0", "", True, ()),
        kata_config=KataConfig(
            present=True,
            real=f"{_DEFAULTS}/configuration-qemu.toml",
            content=KATA_TOML.encode(),
            error=None,
            missing=(),
            enable_annotations=(
                "enable_iommu",
                "virtio_fs_extra_args",
                "default_memory",
                "kernel_params",
                "cpu_features",
            ),
            file_mem_backend="/var/lib/kata",
            backend_directory=True,
        ),
        shims=Shims(
            {
                name: Shim(ShimState.WORKS, f"/usr/local/bin/{name}", "/opt/kata/bin/containerd-shim-kata-v2")
                for name in NAMES
            }
        ),
        processes=Processes(()),
        sockets=Sockets(frozenset()),
        packages=Packages((), ()),
        ours=Ours((), ()),
        owners=Owners(()),
    )
    return replace(healthy, **changes)


def unconfigured_node(**changes: Any) -> NodeFacts:
    """The first story: the handler is in neither the file nor the running containerd."""
    node = configured(node_facts(), CONFIG)
    return replace(node, runtime=replace(node.runtime, handlers=frozenset({"runc"})), **changes)


def api_node(name: str = NODE, uid: str = UID, **changes: Any) -> Node:
    meta = {
        "name": name,
        "uid": uid,
        "labels": {KATA_LABEL: "true"},
        "annotations": changes.pop("annotations", None),
    }
    if "labels" in changes:
        meta["labels"] = changes.pop("labels")
    return Node(
        metadata=Meta(**meta),
        spec=NodeSpec(unschedulable=changes.pop("cordoned", None)),
        status=NodeStatus(
            conditions=(Condition(type="Ready", status=changes.pop("ready", "True")),),
            node_info=NodeInfo(container_runtime_version=changes.pop("runtime", "containerd://1.7.27")),
            **changes,
        ),
    )


def pod(name: str, *, owner: str = "Job", phase: str = "Running", **status: Any) -> Pod:
    labels = {"job-name": name.rpartition("-")[0]} if owner == "Job" else None
    owners = (OwnerReference(kind=owner, name=name, uid=f"u-{name}", controller=True),)
    return Pod(
        metadata=Meta(name=name, namespace="ims", uid=f"p-{name}", labels=labels, owner_references=owners),
        spec=PodSpec(
            node_name=NODE, runtime_class_name="kata-qemu", containers=(Container(name="sshd", image="i"),)
        ),
        status=PodStatus(phase=phase, **status),
    )


def daemon(name: str, number: int = 1, *, ready: bool = True) -> Pod:
    """The `number`-th pod of a DaemonSet on the node."""
    conditions = (Condition(type="Ready", status="True" if ready else "False"),)
    made = pod(name, owner="DaemonSet", conditions=conditions)
    meta = msgspec.structs.replace(made.metadata, name=f"{name}-{number}", uid=f"p-{name}-{number}")
    return msgspec.structs.replace(made, metadata=meta)


def kata_class(handler: str = "kata-qemu") -> RuntimeClass:
    return RuntimeClass(
        metadata=Meta(name="kata-qemu"),
        handler=handler,
        overhead=Overhead(pod_fixed={"memory": "160Mi", "cpu": "250m"}),
        scheduling=Scheduling(node_selector={KATA_LABEL: "true"}),
    )


def cluster(**changes: Any) -> ClusterFacts:
    workers = tuple(api_node(f"ncn-w00{i}", f"7e57-000{i}") for i in range(1, 5))
    found = ClusterFacts(
        cluster_uid="cafe-0001",
        node=api_node(),
        runtime_class=kata_class(),
        workers=workers,
        pods_on_node=(),
        rescued=(pod("cray-ims-1-create-abcde", phase="Pending"),),
        rescued_jobs=(),
        canary=None,
        canary_events=(),
        rescued_events=(),
    )
    return replace(found, **changes)


def event(message: str, at: datetime = NOW) -> Event:
    return Event(
        metadata=Meta(creation_timestamp=at),
        involved_object=ObjectReference(kind="Pod"),
        reason="FailedCreatePodSandBox",
        message=message,
        type="Warning",
    )


def classify(seen: Event) -> Family:
    """As much of the rules as these tests need."""
    return Family.HANDLER_NOT_CONFIGURED if "no runtime for" in (seen.message or "") else Family.UNRELATED


def facts(node: NodeFacts | None = None, **changes: Any) -> Facts:
    found = Facts(
        now=NOW,
        began=NOW,
        incident=INCIDENT,
        node=node or node_facts(),
        cluster=cluster(),
        outcomes={},
        classify=classify,
    )
    return replace(found, **changes)


def situation(node: NodeFacts | None = None, **changes: Any) -> Situation:
    found = Situation(
        target=Target(TargetKind.NODE, NODE, UID),
        families=(Family.HANDLER_NOT_CONFIGURED,),
        ceiling=CEILING,
        incident=INCIDENT,
        facts=facts(node),
        settings=settings(),
    )
    return replace(found, **changes)
