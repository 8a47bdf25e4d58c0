"""The verbs of the API stand-in over HTTP: what is stored, what is refused and in which words."""

from __future__ import annotations

import pytest

from tests.sandbox.api import EVENTS, NODES, RUNTIMECLASSES, ApiServer
from tests.sandbox.api.client import ApiClient
from tests.sandbox.api.patches import JSON_PATCH, STRATEGIC_PATCH

NODE = "/api/v1/nodes/ncn-w001"
MAPS = "/api/v1/namespaces/ims/configmaps"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/ims/leases"
CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"
PODS = "/api/v1/namespaces/ims/pods"


@pytest.fixture
def unstarted() -> ApiServer:
    server = ApiServer(tls=False)
    server.registry.create(NODES, {"metadata": {"name": "ncn-w001"}})
    return server


def lease(name: str = "node-1", **spec: object) -> dict[str, object]:
    return {"metadata": {"name": name}, "spec": {"holderIdentity": "bot-1", "leaseDurationSeconds": 60, **spec}}


def pod(name: str = "x", **spec: object) -> dict[str, object]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i:1"}], **spec}}


async def test_create_gives_uid_times_and_version(client: ApiClient) -> None:
    reply = await client.post(MAPS, {"metadata": {"name": "a", "uid": "forged", "managedFields": []}, "data": {}})
    metadata = reply.body["metadata"]
    assert reply.code == 201
    assert (reply.body["kind"], reply.body["apiVersion"]) == ("ConfigMap", "v1")
    assert metadata["uid"] != "forged"
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    assert "managedFields" not in metadata


async def test_generate_name_adds_five_characters(client: ApiClient) -> None:
    reply = await client.post(MAPS, {"metadata": {"generateName": "job-"}})
    assert reply.body["metadata"]["name"].startswith("job-")
    assert len(reply.body["metadata"]["name"]) == len("job-") + 5


async def test_second_create_is_already_exists(client: ApiClient) -> None:
    await client.post(LEASES, lease())
    reply = await client.post(LEASES, lease())
    assert {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'leases.coordination.k8s.io "node-1" already exists',
        "reason": "AlreadyExists",
        "details": {"name": "node-1", "group": "coordination.k8s.io", "kind": "leases"},
        "code": 409,
    } == reply.body


async def test_missing_object_names_the_resource(client: ApiClient) -> None:
    reply = await client.get(f"{CLASSES}/kata-qemu")
    assert (404, "NotFound") == (reply.code, reply.body["reason"])
    assert 'runtimeclasses.node.k8s.io "kata-qemu" not found' == reply.body["message"]


@pytest.mark.parametrize(
    "path", ["/api/v1/toasters", "/apis/none.io/v1/pods", "/nothing", f"{PODS}/x/portforward"]
)
async def test_unknown_paths_are_404(client: ApiClient, path: str) -> None:
    assert 404 == (await client.get(path)).code


async def test_create_in_unknown_namespace_is_404(client: ApiClient) -> None:
    reply = await client.post("/api/v1/namespaces/nowhere/configmaps", {"metadata": {"name": "a"}})
    assert (404, 'namespaces "nowhere" not found') == (reply.code, reply.body["message"])


async def test_stale_update_conflicts(client: ApiClient) -> None:
    seen = (await client.get(NODE)).body
    await client.patch(NODE, {"metadata": {"labels": {"moved": "on"}}})
    reply = await client.put(NODE, seen)
    assert (409, "Conflict") == (reply.code, reply.body["reason"])
    assert reply.body["message"].startswith(
        'Operation cannot be fulfilled on nodes "ncn-w001": the object has been'
    )


async def test_patch_with_stale_version_conflicts(client: ApiClient) -> None:
    version = (await client.get(NODE)).body["metadata"]["resourceVersion"]
    cordon = {"metadata": {"resourceVersion": version}, "spec": {"unschedulable": True}}
    first = await client.patch(NODE, cordon)
    second = await client.patch(NODE, {**cordon, "spec": {"unschedulable": False}})
    assert (200, 409) == (first.code, second.code)


async def test_patch_without_version_always_applies(client: ApiClient) -> None:
    await client.patch(NODE, {"metadata": {"annotations": {"a": "1", "b": "2"}}})
    reply = await client.patch(NODE, {"metadata": {"annotations": {"a": None}}})
    assert {"b": "2"} == reply.body["metadata"]["annotations"]


async def test_uncordon_leaves_no_field_behind(client: ApiClient) -> None:
    await client.patch(NODE, {"spec": {"unschedulable": True}})
    reply = await client.patch(NODE, {"spec": {"unschedulable": False}})
    assert {} == reply.body["spec"]


async def test_write_that_changes_nothing_keeps_the_version(client: ApiClient) -> None:
    before = await client.patch(NODE, {"metadata": {"labels": {"a": "b"}}})
    after = await client.patch(NODE, {"metadata": {"labels": {"a": "b"}}})
    assert before.body["metadata"]["resourceVersion"] == after.body["metadata"]["resourceVersion"]


async def test_strategic_patch_merges_taints_by_key(client: ApiClient) -> None:
    taint = {"key": "k", "effect": "NoSchedule"}
    await client.patch(NODE, {"spec": {"taints": [taint]}}, STRATEGIC_PATCH)
    two = await client.patch(NODE, {"spec": {"taints": [{**taint, "key": "l"}]}}, STRATEGIC_PATCH)
    one = await client.patch(NODE, {"spec": {"taints": [{"$patch": "delete", "key": "k"}]}}, STRATEGIC_PATCH)
    assert ["k", "l"] == [each["key"] for each in two.body["spec"]["taints"]]
    assert ["l"] == [each["key"] for each in one.body["spec"]["taints"]]


async def test_json_patch_test_guards_the_rest(client: ApiClient) -> None:
    label = "/metadata/labels/katacontainers.io~1kata-runtime"
    added = await client.patch(NODE, [{"op": "add", "path": label, "value": "true"}], JSON_PATCH)
    guard = {"op": "test", "path": label, "value": "false"}
    refused = await client.patch(NODE, [guard, {"op": "remove", "path": label}], JSON_PATCH)
    assert "true" == added.body["metadata"]["labels"]["katacontainers.io/kata-runtime"]
    assert (422, "Invalid") == (refused.code, refused.body["reason"])


async def test_unknown_media_types_are_refused(client: ApiClient) -> None:
    assert 415 == (await client.patch(NODE, {}, "application/apply-patch+yaml")).code
    assert 415 == (await client.call("POST", MAPS, {}, content_type="text/plain")).code


async def test_lease_update_needs_a_version(client: ApiClient) -> None:
    created = (await client.post(LEASES, lease())).body
    renewed = {**created, "spec": {**created["spec"], "renewTime": "2026-01-02T03:04:05.000006Z"}}
    unversioned = await client.put(f"{LEASES}/node-1", lease())
    taken = await client.put(f"{LEASES}/node-1", renewed)
    late = await client.put(f"{LEASES}/node-1", renewed)
    assert (422, 200, 409) == (unversioned.code, taken.code, late.code)


async def test_put_of_an_unknown_lease_creates_it_only_when_fresh(client: ApiClient) -> None:
    fresh = await client.put(f"{LEASES}/node-1", lease())
    await client.delete(f"{LEASES}/node-1")
    gone = await client.put(f"{LEASES}/node-1", fresh.body)
    assert (201, 409) == (fresh.code, gone.code)


@pytest.mark.parametrize("moment", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123Z", "yesterday"])
async def test_micro_times_need_six_digits(client: ApiClient, moment: str) -> None:
    reply = await client.post(LEASES, lease(renewTime=moment))
    assert (400, "BadRequest") == (reply.code, reply.body["reason"])
    assert "2006-01-02T15:04:05.000000Z07:00" in reply.body["message"]


async def test_runtime_class_handler_is_immutable(client: ApiClient) -> None:
    await client.post(CLASSES, {"metadata": {"name": "kata-qemu"}, "handler": "kata-qemu"})
    reply = await client.patch(f"{CLASSES}/kata-qemu", {"handler": "kata"})
    text = 'RuntimeClass.node.k8s.io "kata-qemu" is invalid: handler: Invalid value: "kata": field is immutable'
    assert (422, text) == (reply.code, reply.body["message"])


async def test_bad_names_and_labels_are_invalid(client: ApiClient) -> None:
    name = await client.post(MAPS, {"metadata": {"name": "Upper_Case"}})
    label = await client.patch(NODE, {"metadata": {"labels": {"x": "not a value!"}}})
    assert (422, 422) == (name.code, label.code)
    assert "metadata.labels" == label.body["details"]["causes"][0]["field"]


async def test_pod_spec_cannot_be_changed(client: ApiClient) -> None:
    await client.post(PODS, pod())
    reply = await client.patch(f"{PODS}/x", {"spec": {"nodeName": "ncn-w001"}})
    assert 422 == reply.code
    assert reply.body["message"].startswith('Pod "x" is invalid: spec: Forbidden: pod updates may not change')


async def test_status_and_spec_are_written_by_different_endpoints(client: ApiClient) -> None:
    both = {"spec": {"unschedulable": True}, "status": {"phase": "odd"}}
    main = (await client.patch(NODE, both)).body
    status = (await client.patch(f"{NODE}/status", {"spec": {}, "status": {"addresses": []}})).body
    assert ({"unschedulable": True}, {}) == (main["spec"], main["status"])
    assert ({"unschedulable": True}, {"addresses": []}) == (status["spec"], status["status"])


async def test_dry_run_answers_and_stores_nothing(client: ApiClient, server: ApiServer) -> None:
    revision = server.registry.store.revision
    created = await client.post(PODS, pod(), dryRun="All")
    patched = await client.patch(NODE, {"spec": {"unschedulable": True}}, dryRun="All")
    deleted = await client.delete(NODE, dryRun="All")
    assert (201, 200, 200) == (created.code, patched.code, deleted.code)
    assert "resourceVersion" not in created.body["metadata"]
    assert patched.body["spec"]["unschedulable"]
    assert revision == server.registry.store.revision


async def test_dry_run_still_admits_and_validates(client: ApiClient) -> None:
    no_class = await client.post(PODS, pod(runtimeClassName="kata-qemu"), dryRun="All")
    no_image = await client.post(
        PODS, {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c"}]}}, dryRun="All"
    )
    odd = await client.post(PODS, pod(), dryRun="Most")
    assert (403, 422, 400) == (no_class.code, no_image.code, odd.code)


async def test_delete_respects_preconditions(client: ApiClient) -> None:
    created = (await client.post(MAPS, {"metadata": {"name": "a"}})).body
    other = await client.delete(f"{MAPS}/a", {"preconditions": {"uid": "another"}})
    stale = await client.delete(f"{MAPS}/a", {"preconditions": {"resourceVersion": "1"}})
    ours = await client.delete(f"{MAPS}/a", {"preconditions": {"uid": created["metadata"]["uid"]}})
    assert (409, 409, 200) == (other.code, stale.code, ours.code)
    assert "Precondition failed: UID in precondition: another" in other.body["message"]
    assert ("Status", "Success") == (ours.body["kind"], ours.body["status"])


async def test_events_must_lie_in_the_namespace_of_their_object(client: ApiClient) -> None:
    event = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "x", "namespace": "other"}}
    assert 422 == (await client.post("/api/v1/namespaces/ims/events", event)).code


async def test_absent_event_times_read_as_null(client: ApiClient, server: ApiServer) -> None:
    server.registry.create(
        EVENTS, {"metadata": {"name": "e"}, "involvedObject": {"namespace": "ims"}, "count": 0}, "ims"
    )
    event = (await client.get("/api/v1/namespaces/ims/events/e")).body
    assert (None, None, None) == (event["firstTimestamp"], event["lastTimestamp"], event["eventTime"])
    assert "count" not in event


async def test_malformed_bodies_are_bad_requests(client: ApiClient) -> None:
    assert 400 == (await client.post(MAPS, ["not", "an", "object"])).code
    assert 400 == (await client.post(MAPS, {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}})).code
    assert 400 == (await client.put(f"{MAPS}/a", {"metadata": {"name": "b"}})).code


async def test_collection_delete_and_odd_methods_are_refused(client: ApiClient) -> None:
    assert 405 == (await client.delete(MAPS)).code
    assert 405 == (await client.post(NODE, {})).code


async def test_runtime_class_can_be_created_and_deleted(client: ApiClient, server: ApiServer) -> None:
    await client.post(CLASSES, {"metadata": {"name": "kata-qemu"}, "handler": "kata-qemu"})
    assert 200 == (await client.delete(f"{CLASSES}/kata-qemu")).code
    assert [] == server.registry.list(RUNTIMECLASSES)
