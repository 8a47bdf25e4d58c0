"""The lab's releases and jobs are the sandbox's, with what a real node needs. No cluster is started for these."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path

import pytest

from tests.lab.kata.jobs import (
    JOB_IMAGE,
    failing_job,
    imageless_job,
    kata_job,
    oversized_job,
    plain_job,
    tenants_job,
)
from tests.lab.kata.mirror import SERVED
from tests.lab.kata.release import SHIM, lab_release
from tests.sandbox.api import JOBS, Registry
from tests.sandbox.controllers import IMS_NAMESPACE, install_ims
from tests.sandbox.mirror import Format, Trap, build
from tests.sandbox.mirror.release import release

PROGRAM = b"\x7fELF, as far as these tests look"
XATTR = "io.katacontainers.config.hypervisor.virtio_fs_extra_args"


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    path = tmp_path / "containerd-shim-kata-v2"
    path.write_bytes(PROGRAM)
    return path


@pytest.mark.parametrize("form", list(Format))
def test_an_archive_holds_the_built_shim_at_upstream_s_place_and_with_its_owner_trap(
    tmp_path: Path, shim: Path, form: Format
) -> None:
    archive = build(tmp_path, "3.17.0", form, contents=lab_release(shim))
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "-C", unpacked, "--no-same-owner", "-xf", archive.path], check=True)
    assert PROGRAM == (unpacked / SHIM).read_bytes()
    assert os.access(unpacked / SHIM, os.X_OK)
    listed = subprocess.run(
        ["tar", "--numeric-owner", "-tvf", archive.path], capture_output=True, text=True, check=True
    ).stdout
    assert listed.startswith("drwx------ 1001/123")


def test_everything_but_the_programs_is_the_sandbox_s_release(shim: Path) -> None:
    ours, theirs = lab_release(shim)("3.17.0"), release("3.17.0")
    assert [(entry.path, entry.mode) for entry in theirs] == [(entry.path, entry.mode) for entry in ours]
    assert {SHIM, "opt/kata/libexec/virtiofsd"} == {
        mine.path for mine, other in zip(ours, theirs, strict=True) if mine != other
    }


def test_a_spoiled_archive_of_the_lab_has_its_bad_member(tmp_path: Path, shim: Path) -> None:
    archive = build(tmp_path, "3.17.0", trap=Trap.PARENT_MEMBER, contents=lab_release(shim))
    with tarfile.open(archive.path) as tar:
        assert "../../etc/planted" in tar.getnames()


def test_the_mirror_says_what_it_serves_until_it_is_told_to_stop(tmp_path: Path, shim: Path) -> None:
    command = [sys.executable, "-m", "tests.lab.kata.mirror", "--host", "127.0.0.1", "--port", "0"]
    command += ["--shim", str(shim), "--folder", str(tmp_path / "mirror")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as mirror:
        assert mirror.stdout is not None
        said = [json.loads(mirror.stdout.readline()) for _ in SERVED]
        for archive in said:
            with urllib.request.urlopen(archive["url"], timeout=10) as answer:
                assert archive["sha256"] == hashlib.sha256(answer.read()).hexdigest()
        mirror.send_signal(signal.SIGTERM)
        assert 0 == mirror.wait(10)
    assert list(SERVED) == [(each["version"], Path(each["url"]).name.partition("amd64.")[2]) for each in said]


def test_a_kata_job_needs_no_registry_and_fits_on_a_small_node() -> None:
    job = kata_job("customize", node="ncn-w001", run_s=0.5)
    template = job["spec"]["template"]
    containers = [*template["spec"]["initContainers"], *template["spec"]["containers"]]
    assert {(JOB_IMAGE, "Never")} == {(each["image"], each["imagePullPolicy"]) for each in containers}
    assert {"16Mi"} == {each["resources"]["requests"]["memory"] for each in containers}
    assert ["sleep 0.5", "sleep 0.5"] == [each["command"][-1] for each in template["spec"]["containers"]]
    assert ({"kubernetes.io/hostname": "ncn-w001"}, "ims") == (
        template["spec"]["nodeSelector"],
        template["spec"]["serviceAccountName"],
    )
    assert {XATTR: '["-o", "xattr"]'} == template["metadata"]["annotations"]


@pytest.mark.parametrize(
    "job",
    [
        kata_job("create"),
        plain_job(),
        failing_job(),
        imageless_job(),
        oversized_job(),
        tenants_job("tenant-build"),
    ],
)
def test_every_job_is_one_that_an_api_server_takes(job: dict[str, object]) -> None:
    registry = Registry()
    install_ims(registry)
    assert registry.create(JOBS, job, IMS_NAMESPACE)["metadata"]["uid"]


def test_a_job_without_kernel_modules_asks_for_no_kata() -> None:
    assert "runtimeClassName" not in plain_job()["spec"]["template"]["spec"]
