"""The builders make IMS jobs as the CSM releases do."""

from __future__ import annotations

import pytest

from tests.sandbox.api import JOBS, Registry
from tests.sandbox.controllers import (
    failing_ims_job,
    ims_job,
    install_ims,
    killed_ims_job,
    other_job,
    oversized_ims_job,
    unpullable_ims_job,
)

JOB_ID = "6f9a2c1e-3b7d-4e0a-9c55-0d1f2a3b4c01"
XATTR = "io.katacontainers.config.hypervisor.virtio_fs_extra_args"


def test_customize_job_carries_what_ims_gives_it() -> None:
    job = ims_job("customize", JOB_ID)
    template = job["spec"]["template"]
    assert f"cray-ims-{JOB_ID}-customize" == job["metadata"]["name"]
    assert (0, "Never") == (job["spec"]["backoffLimit"], template["spec"]["restartPolicy"])
    assert {"app": f"ims-{JOB_ID}-customize", "app.kubernetes.io/name": "ims-job"} == template["metadata"][
        "labels"
    ]
    assert {XATTR: '["-o", "xattr"]'} == template["metadata"]["annotations"]
    assert (["prepare"], ["buildenv-sidecar", "sshd"]) == tuple(
        [each["name"] for each in template["spec"][part]] for part in ("initContainers", "containers")
    )
    assert ("kata-qemu", "ims-service-job-mount") == (
        template["spec"]["runtimeClassName"],
        template["spec"]["serviceAccountName"],
    )


def test_create_jobs_have_no_xattr_annotation() -> None:
    template = ims_job("create", JOB_ID)["spec"]["template"]
    assert {} == template["metadata"]["annotations"]
    assert ["fetch-recipe", "wait-for-repos", "build-ca-rpm", "build-image"] == [
        each["name"] for each in template["spec"]["initContainers"]
    ]


def test_packer_and_old_releases_lack_the_named_label() -> None:
    for job in (ims_job("create", JOB_ID, recipe="packer"), ims_job("create", JOB_ID, named_label=False)):
        assert {"app": f"ims-{JOB_ID}-create"} == job["spec"]["template"]["metadata"]["labels"]


def test_remote_builds_and_plain_jobs_use_no_kata() -> None:
    for job in (ims_job("create", remote_build_node="x3000c0s19b1n0"), ims_job("create", require_dkms=False)):
        assert "runtimeClassName" not in job["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    "job",
    [
        failing_ims_job(),
        killed_ims_job(),
        oversized_ims_job(),
        unpullable_ims_job(),
        other_job("tenant-build", runtime_class="kata-qemu"),
    ],
)
def test_near_misses_are_jobs_that_the_server_takes(job: dict[str, object]) -> None:
    registry = Registry()
    install_ims(registry)
    assert registry.create(JOBS, job, "ims")["metadata"]["uid"]
