"""IMS jobs are recognised on every release of CSM, and nothing else is (domain.md 1.2)."""

from typing import Any

import pytest

from bot.core.ims import is_ims_job, is_ims_pod, job_id, job_name, remote_build_node
from bot.core.objects import Job, Pod
from tests.unit.explain.cases import built, said

ID = "6f9a2c1e-3b7d-4e0a-9c55-0d1f2a3b4c01"
NO_LABELS = {"app": None, "app.kubernetes.io/name": None, "job-name": None}


def pod_with(**metadata: Any) -> Pod:
    thing = said(built({"base": "pod", "set": {"metadata": metadata}})).object
    assert isinstance(thing, Pod)
    return thing


def job_with(changes: dict[str, Any]) -> Job:
    thing = said(built({"base": "job", "set": changes})).object
    assert isinstance(thing, Job)
    return thing


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, True),
        ({"labels": {**NO_LABELS, "app.kubernetes.io/name": "ims-job"}, "ownerReferences": None}, True),
        ({"labels": {**NO_LABELS, "app": f"ims-{ID}-create"}, "ownerReferences": None}, True),
        ({"labels": NO_LABELS}, True),
        ({"labels": NO_LABELS, "ownerReferences": None}, False),
        ({"labels": {**NO_LABELS, "app": f"ims-{ID}-create-x"}, "ownerReferences": None}, False),
        (
            {"labels": NO_LABELS, "ownerReferences": [{"kind": "ReplicaSet", "name": f"cray-ims-{ID}-create"}]},
            False,
        ),
        ({"namespace": "services"}, False),
    ],
)
def test_a_pod_is_ims_by_namespace_and_label_or_owner(metadata: dict[str, Any], expected: bool) -> None:
    assert expected is is_ims_pod(pod_with(**metadata), ("ims",))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"metadata": {"name": "x"}}, True),
        ({"metadata": {"name": "x"}, "spec": {"template": {"metadata": None}}}, False),
        ({"spec": {"template": {"metadata": None}}}, True),
        ({"metadata": {"namespace": "user"}}, False),
    ],
)
def test_a_job_is_ims_by_name_or_labels(changes: dict[str, Any], expected: bool) -> None:
    assert expected is is_ims_job(job_with(changes), ("ims",))


@pytest.mark.parametrize("labels", [{}, {"app": None}, NO_LABELS])
def test_the_job_id_is_found_in_label_owner_or_environment(labels: dict[str, Any]) -> None:
    assert ID == job_id(pod_with(labels=labels))
    assert ID == job_id(pod_with(labels=labels, ownerReferences=None))


def test_the_job_behind_a_pod_has_a_name() -> None:
    assert f"cray-ims-{ID}-customize" == job_name(pod_with())
    assert job_name(pod_with(labels=NO_LABELS, ownerReferences=None)) is None


def test_an_empty_variable_is_no_remote_build() -> None:
    assert remote_build_node(pod_with().spec.all_containers) is None
