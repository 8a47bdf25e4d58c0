"""Changes through the API: whose they are, whom they give way to, and what is said about it."""

from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.cluster import KubeCluster
from bot.adapters.kube.resources import DAEMON_SETS, NODES, PODS, RUNTIME_CLASSES
from bot.core.action import (
    CreateCanary,
    CreateRuntimeClass,
    DeleteCanary,
    OutcomeKind,
    RestartDaemonSet,
    SetCordon,
    SetLabel,
)
from bot.core.marks import CORDON, HOLD, LABEL
from bot.core.objects import KATA_LABEL, Node
from tests.adapters.kube.objects import daemonset, node, pod, unique
from tests.sandbox.api import NODES as STORED_NODES
from tests.sandbox.api import PODS as STORED_PODS
from tests.sandbox.api import ApiServer, Call, Fault

OK, REFUSED, FAILED, UNKNOWN = OutcomeKind.OK, OutcomeKind.REFUSED, OutcomeKind.FAILED, OutcomeKind.UNKNOWN

MakeNode = Callable[..., Awaitable[Node]]


@pytest.fixture
def cluster(api: ApiClient) -> KubeCluster:
    return KubeCluster(api, r"^ncn-w[0-9]{3}")


@pytest.fixture
def make_node(api: ApiClient) -> MakeNode:
    async def make(*, unschedulable: bool = False, **metadata: object) -> Node:
        body = node(unique("ncn-w001"), **metadata)
        if unschedulable:
            body["spec"] = {"unschedulable": True}
        return await api.create(NODES, body)

    return make


def cordon(node: Node, cordoned: bool, incident: str = "abcd2345") -> SetCordon:
    return SetCordon(node.metadata.name, node.metadata.uid, incident, cordoned)


def label(node: Node, labelled: bool, incident: str = "abcd2345") -> SetLabel:
    return SetLabel(node.metadata.name, node.metadata.uid, incident, labelled)


async def again(api: ApiClient, node: Node) -> Node:
    return await api.get(NODES, node.metadata.name)


async def annotate(api: ApiClient, node: Node, key: str, value: str | None) -> None:
    await api.patch(NODES, node.metadata.name, {"metadata": {"annotations": {key: value}}})


async def test_cordon_and_its_mark_come_and_go_together(
    api: ApiClient, cluster: KubeCluster, make_node: MakeNode
) -> None:
    node = await make_node()
    for _ in range(2):
        assert (await cluster.apply(cordon(node, True))).kind is OK
        found = await again(api, node)
        assert (found.cordoned, found.metadata.annotation(CORDON)) == (True, "abcd2345")
    for _ in range(2):
        assert (await cluster.apply(cordon(node, False))).kind is OK
        found = await again(api, node)
        assert (found.cordoned, found.metadata.annotation(CORDON)) == (False, None)


async def test_foreign_cordon_is_left_alone(api: ApiClient, cluster: KubeCluster, make_node: MakeNode) -> None:
    node = await make_node(unschedulable=True)
    taken = await cluster.apply(cordon(node, True))
    given = await cluster.apply(cordon(node, False))
    assert (taken.kind, given.kind) == (REFUSED, REFUSED)
    assert "cordoned by somebody else" in taken.output
    found = await again(api, node)
    assert (found.cordoned, found.metadata.annotation(CORDON)) == (True, None)


async def test_cordon_of_another_incident_stands(
    api: ApiClient, cluster: KubeCluster, make_node: MakeNode
) -> None:
    node = await make_node()
    await cluster.apply(cordon(node, True, "held2345"))
    for cordoned in (True, False):
        outcome = await cluster.apply(cordon(node, cordoned))
        assert outcome.kind is REFUSED
        assert "incident held2345" in outcome.output
    assert (await again(api, node)).metadata.annotation(CORDON) == "held2345"


async def test_person_takes_over_by_removing_the_mark(
    api: ApiClient, cluster: KubeCluster, make_node: MakeNode
) -> None:
    node = await make_node()
    await cluster.apply(cordon(node, True))
    await annotate(api, node, CORDON, None)
    assert (await cluster.apply(cordon(node, False))).kind is REFUSED
    assert (await again(api, node)).cordoned


async def test_person_takes_over_by_uncordoning(api: ApiClient, cluster: KubeCluster, make_node: MakeNode) -> None:
    node = await make_node()
    await cluster.apply(cordon(node, True))
    await api.patch(NODES, node.metadata.name, {"spec": {"unschedulable": None}})
    outcome = await cluster.apply(cordon(node, True))
    assert (outcome.kind, "a person uncordoned it" in outcome.output) == (REFUSED, True)
    assert (await cluster.apply(cordon(node, False))).kind is OK
    assert (await again(api, node)).metadata.annotation(CORDON) is None


async def test_hold_is_honoured_by_every_change_of_a_node(
    api: ApiClient, cluster: KubeCluster, make_node: MakeNode
) -> None:
    node = await make_node()
    await cluster.apply(cordon(node, True))
    await cluster.apply(label(node, True))
    await annotate(api, node, HOLD, "disk swap, Jo")
    for change in (cordon(node, False), cordon(node, True), label(node, True), label(node, False)):
        outcome = await cluster.apply(change)
        assert outcome.kind is REFUSED
        assert "disk swap, Jo" in outcome.output
    assert (await again(api, node)).cordoned


async def test_rebuilt_or_missing_node_is_refused(cluster: KubeCluster, make_node: MakeNode) -> None:
    node = await make_node()
    rebuilt = await cluster.apply(SetCordon(node.metadata.name, "old-uid", "abcd2345", True))
    missing = await cluster.apply(SetCordon(unique("gone"), "u", "abcd2345", True))
    assert (rebuilt.kind, missing.kind) == (REFUSED, REFUSED)
    assert "was replaced" in rebuilt.output


@pytest.mark.parametrize("before", [None, "false"])
async def test_label_gives_back_what_was_there(
    api: ApiClient, cluster: KubeCluster, make_node: MakeNode, before: str | None
) -> None:
    node = await make_node(labels={KATA_LABEL: before} if before else {})
    assert (await cluster.apply(label(node, True))).kind is OK
    found = await again(api, node)
    assert (found.kata_labelled, found.metadata.annotation(LABEL)) == (True, f"abcd2345={before or ''}")
    assert (await cluster.apply(label(node, False))).kind is OK
    found = await again(api, node)
    assert (found.metadata.label(KATA_LABEL), found.metadata.annotation(LABEL)) == (before, None)


async def test_label_that_is_not_ours_stays(api: ApiClient, cluster: KubeCluster, make_node: MakeNode) -> None:
    node = await make_node(labels={KATA_LABEL: "true"})
    there = await cluster.apply(label(node, True))
    undone = await cluster.apply(label(node, False))
    assert (there.kind, undone.kind) == (OK, REFUSED)
    found = await again(api, node)
    assert (found.kata_labelled, found.metadata.annotation(LABEL)) == (True, None)


async def test_value_that_a_person_set_meanwhile_stays(
    api: ApiClient, cluster: KubeCluster, make_node: MakeNode
) -> None:
    node = await make_node()
    await cluster.apply(label(node, True))
    await api.patch(NODES, node.metadata.name, {"metadata": {"labels": {KATA_LABEL: "off"}}})
    assert (await cluster.apply(label(node, True))).kind is REFUSED
    assert (await cluster.apply(label(node, False))).kind is OK
    found = await again(api, node)
    assert (found.metadata.label(KATA_LABEL), found.metadata.annotation(LABEL)) == ("off", None)


async def test_mark_of_an_old_incident_does_not_keep_a_node_unlabelled(
    api: ApiClient, cluster: KubeCluster, make_node: MakeNode
) -> None:
    node = await make_node(annotations={LABEL: "old22222="})
    assert (await cluster.apply(label(node, True))).kind is OK
    assert (await again(api, node)).metadata.annotation(LABEL) == "abcd2345="


@pytest.mark.parametrize(("races", "kind"), [(4, OK), (9, FAILED)])
async def test_change_that_loses_a_race_is_decided_anew_but_not_for_ever(
    server: ApiServer, cluster: KubeCluster, make_node: MakeNode, races: int, kind: OutcomeKind
) -> None:
    node = await make_node()
    key, lost = ("", node.metadata.name), 0

    def be_faster(call: Call) -> bool:
        nonlocal lost
        if call.verb == "patch" and lost < races:
            lost += 1
            stored = server.registry.store.find(STORED_NODES, key)
            assert stored is not None
            server.registry.store.put(STORED_NODES, {**stored, "status": {}})
        return False

    server.faults.strike_next(1, Fault.DROPPED, be_faster)
    outcome = await cluster.apply(cordon(node, True))
    assert (outcome.kind, lost) == (kind, min(races, 5))


async def test_dry_run_of_every_change_leaves_no_trace(
    api: ApiClient, cluster: KubeCluster, make_node: MakeNode, namespace: str
) -> None:
    node = await make_node()
    name, existing = unique("kata"), unique("kata")
    await cluster.apply(CreateRuntimeClass(existing, "kata-qemu", {}, {}))
    changes = (
        cordon(node, True),
        label(node, True),
        CreateRuntimeClass(name, "kata-qemu", {}, {}),
        canary(namespace, node=node.metadata.name, runtime_class=existing),
    )
    for change in changes:
        assert (await cluster.apply(change, dry_run=True)).kind is OK
    found = await again(api, node)
    assert (found.cordoned, found.kata_labelled) == (False, False)
    assert (None, None) == (found.metadata.annotation(CORDON), found.metadata.annotation(LABEL))
    assert await api.find(RUNTIME_CLASSES, name) is None
    assert await api.list_all(PODS, namespace) == ()


async def test_runtime_class_is_created_once_and_never_changed(api: ApiClient, cluster: KubeCluster) -> None:
    name = unique("kata")
    wanted = CreateRuntimeClass(name, "kata-qemu", {"memory": "160Mi", "cpu": "250m"}, {KATA_LABEL: "true"})
    assert [(await cluster.apply(wanted)).kind for _ in range(2)] == [OK, OK]
    other = CreateRuntimeClass(name, "kata", {"memory": "1Gi"}, {})
    outcome = await cluster.apply(other)
    assert outcome.kind is REFUSED
    assert "handler is kata-qemu, not kata" in outcome.output
    assert "overhead is cpu=250m, memory=160Mi, not memory=1Gi" in outcome.output
    assert f"nodeSelector is {KATA_LABEL}=true, not none" in outcome.output
    assert (await api.get(RUNTIME_CLASSES, name)).handler == "kata-qemu"


def canary(namespace: str, *, node: str, runtime_class: str, incident: str = "abcd2345") -> CreateCanary:
    return CreateCanary(
        namespace=namespace,
        name=f"imsbot-canary-{incident}",
        node=node,
        runtime_class=runtime_class,
        incident=incident,
        image="registry.local/busybox:1",
        deadline_s=180,
        cpu="100m",
        memory="256Mi",
    )


async def test_canary_is_created_once_and_deleted_once(
    api: ApiClient, cluster: KubeCluster, make_node: MakeNode, namespace: str
) -> None:
    name = unique("kata")
    await cluster.apply(CreateRuntimeClass(name, "kata-qemu", {"memory": "160Mi"}, {}))
    wanted = canary(namespace, node=(await make_node()).metadata.name, runtime_class=name)
    assert [(await cluster.apply(wanted)).kind for _ in range(2)] == [OK, OK]
    found = await api.get(PODS, wanted.name, namespace)
    assert found.spec.overhead == {"memory": "160Mi"}
    gone = DeleteCanary(namespace, wanted.name)
    assert [(await cluster.apply(gone)).kind for _ in range(2)] == [OK, OK]
    assert await api.find(PODS, wanted.name, namespace) is None


async def test_canary_asks_for_nothing_that_a_strict_policy_forbids(
    server: ApiServer, cluster: KubeCluster, make_node: MakeNode, namespace: str
) -> None:
    await cluster.apply(CreateRuntimeClass("kata-qemu", "kata-qemu", {}, {}))
    node = await make_node()
    await cluster.apply(canary(namespace, node=node.metadata.name, runtime_class="kata-qemu"))
    (stored,) = (obj for obj in server.registry.store.items(STORED_PODS, namespace))
    spec, container = stored["spec"], stored["spec"]["containers"][0]
    assert spec["nodeName"] == node.metadata.name
    assert spec["automountServiceAccountToken"] is False
    assert spec["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] == 180
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert not {"volumes", "hostNetwork", "hostPID", "hostIPC"} & {k for k, v in spec.items() if v}
    assert stored["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"


async def test_pod_of_somebody_else_under_the_canarys_name_is_left_alone(
    api: ApiClient, cluster: KubeCluster, make_node: MakeNode, namespace: str
) -> None:
    await cluster.apply(CreateRuntimeClass("kata-x", "kata-qemu", {}, {}))
    wanted = canary(namespace, node=(await make_node()).metadata.name, runtime_class="kata-x")
    await api.create(PODS, pod(wanted.name), namespace)
    created = await cluster.apply(wanted)
    deleted = await cluster.apply(DeleteCanary(namespace, wanted.name))
    assert (created.kind, deleted.kind) == (REFUSED, REFUSED)
    assert await api.find(PODS, wanted.name, namespace)


async def test_rejected_canary_fails_with_the_servers_words(cluster: KubeCluster, namespace: str) -> None:
    outcome = await cluster.apply(canary(namespace, node="ncn-w001", runtime_class=unique("absent")))
    assert outcome.kind is FAILED
    assert 'create pods "imsbot-canary-abcd2345"' in outcome.output
    assert "not found" in outcome.output


@pytest.mark.parametrize("fault", [Fault.REPLY_LOST, Fault.INTERNAL_ERROR])
async def test_change_of_unknown_fate_is_unknown_and_can_be_asked_for_again(
    server: ApiServer, api: ApiClient, cluster: KubeCluster, make_node: MakeNode, fault: Fault
) -> None:
    node = await make_node()
    server.faults.strike_next(1, fault, lambda call: call.verb == "patch")
    assert (await cluster.apply(cordon(node, True))).kind is UNKNOWN
    assert (await cluster.apply(cordon(node, True))).kind is OK
    assert (await again(api, node)).cordoned


async def test_a_daemonset_is_rolled_anew_once_for_each_occasion(api: ApiClient, cluster: KubeCluster) -> None:
    name = unique("watcher")
    made = await api.create(DAEMON_SETS, daemonset(name), "default")
    versions = [made.metadata.resource_version]
    for occasion in ("abcd2345", "abcd2345", "abcd2345-undo"):
        assert (await cluster.apply(RestartDaemonSet("default", name, occasion))).kind is OK
        versions.append((await api.get(DAEMON_SETS, name, "default")).metadata.resource_version)
    assert [True, False, True] == [one != other for one, other in pairwise(versions)]


async def test_a_daemonset_that_is_not_there_cannot_be_rolled_anew(cluster: KubeCluster) -> None:
    outcome = await cluster.apply(RestartDaemonSet("default", unique("nowhere"), "abcd2345"))
    assert outcome.kind is FAILED
    assert "nowhere" in outcome.output
