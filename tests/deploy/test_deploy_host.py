"""The unit for a master, the image, and the page of the first day."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.manifests import DEPLOY, KUSTOMIZATION, pod_spec

ROOT = DEPLOY.parent
UNIT = DEPLOY / "imsbot.service"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()

EXPOSURE_LIMIT = 1.5
"""Of systemd's 10. What is left is mostly the network, which the bot lives from."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """With a program that exists here: `verify` looks for it."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/opt/imsbot/bin/imsbot", "/bin/true"))
    return path


def analyze(*arguments: str) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def test_systemd_understands_every_line_of_the_unit(unit: Path) -> None:
    analyze("verify", "--man=no", str(unit))


def test_the_unit_leaves_little_open(unit: Path) -> None:
    report = analyze("security", "--offline=true", "--no-pager", str(unit))
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", report)
    assert exposure
    assert EXPOSURE_LIMIT >= float(exposure[1])


def test_the_unit_waits_longer_than_the_bot_takes_to_stop() -> None:
    """Ten seconds for running commands, ten for the last words to Slack; the pod alike."""
    assert "TimeoutStopSec=30s" in UNIT.read_text()
    assert 30 == pod_spec()["terminationGracePeriodSeconds"]


def test_the_image_runs_as_the_user_of_the_pod() -> None:
    security = pod_spec()["securityContext"]
    users = re.findall(r"^USER (.+)$", CONTAINERFILE, re.MULTILINE)
    assert [f"{security['runAsUser']}:{security['runAsGroup']}"] == users


def test_the_image_is_made_of_files_that_exist_and_are_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert source in let_in or str(Path(source).parent / "*.lock") in let_in


@pytest.mark.parametrize("lock", ["requirements.lock", "build.lock"])
def test_the_image_has_the_packages_that_are_tested(lock: str) -> None:
    """Name, version and hashes as in the lock that the tests run with."""

    def pins(path: Path) -> set[str]:
        return set(re.findall(r"^[a-z0-9].*==.*(?:\n    --hash.*)+", path.read_text(), re.MULTILINE))

    found = pins(DEPLOY / lock)
    assert found
    assert set() == found - pins(ROOT / "requirements.lock")


def test_the_page_speaks_of_every_file_and_of_the_image_that_is_installed() -> None:
    page = (DEPLOY / "README.md").read_text()
    files = [path.name for path in DEPLOY.iterdir() if path.is_file() and path.name != "README.md"]
    assert [] == [name for name in files if name not in page and not name.endswith(".lock")]
    (image,) = KUSTOMIZATION["images"]
    assert f"-t {image['newName']}:{image['newTag']} ." in page
