"""What is built, and when something that is already there is used instead. Only small things are built here."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.lab.cache import building
from tests.lab.programs import Family, Programs

KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")


def install(folder: Path, version: str, *names: str) -> None:
    """Programs that say that version of themselves."""
    folder.mkdir(exist_ok=True)
    for name in names:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)


async def test_given_programs_of_a_usable_version_are_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "assets", "Kubernetes v1.36.1", *KUBERNETES)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("PATH", "/nowhere")
    programs = Programs(tmp_path / "cache")
    assert tmp_path / "assets/kubelet" == await programs.path(Family.KUBERNETES, "kubelet")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("version", ["etcd Version: 3.5.12", "etcd Version: 4.0.0", "who knows"])
async def test_given_programs_of_another_version_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    install(tmp_path / "old", version, "etcd")
    install(tmp_path / "good", "etcd Version: 3.6.1", "etcd")
    monkeypatch.setenv("PATH", f"{tmp_path / 'old'}:{tmp_path / 'good'}:/bin:/usr/bin")
    assert tmp_path / "good" == await Programs(tmp_path / "cache").folder(Family.ETCD)


async def test_a_family_is_built_once_and_found_again(tmp_path: Path) -> None:
    first = await Programs(tmp_path).path(Family.KATA_SHIM, "containerd-shim-kata-v2")
    built = first.stat()
    assert first == await Programs(tmp_path).path(Family.KATA_SHIM, "containerd-shim-kata-v2")
    assert built == first.stat()


def test_what_fails_to_be_made_leaves_nothing_that_could_be_taken_for_it(tmp_path: Path) -> None:
    place = tmp_path / "thing"

    def fail() -> None:
        with building(place) as folder:
            assert folder is not None
            (folder / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [tmp_path / "thing.lock"] == list(tmp_path.iterdir())


def test_two_that_need_the_same_thing_make_it_once(tmp_path: Path) -> None:
    made: list[bool] = []

    def make() -> None:
        with building(tmp_path / "thing") as folder:
            made.append(folder is not None)

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [False, True] == sorted(made)
