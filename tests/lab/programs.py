"""The programs that the lab runs and Debian does not have (or not new enough), built once from their Go modules.

A family is a folder of `go/`: a `go.mod` whose `tool` lines name what is built, or a program of our own. What is
built lies outside the tree, in a folder keyed by the family's sources and the version of Go. Go's own build cache
lets an interrupted build go on where it was.

Programs of the control plane that are on PATH, or in KUBEBUILDER_ASSETS, are used instead when their version will
do.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.lab.cache import building, default_cache
from tests.lab.host import LabError, call
from tests.lab.toolchain import GO_FILES, Go, find_go

_Version = tuple[int, ...]


class Family(StrEnum):
    """The folder below `go/`."""

    KUBERNETES = "kubernetes"
    ETCD = "etcd"
    CONTAINERD_17 = "containerd17"
    CONTAINERD_2 = "containerd2"
    CRICTL = "crictl"
    KATA_SHIM = "kata_shim"


@dataclass(frozen=True, slots=True)
class _Given:
    """When a program that is already there will do: from the one version to before the other."""

    programs: tuple[str, ...]
    since: _Version
    before: _Version


_BUILT_AS = {Family.ETCD: {"server": "etcd"}, Family.KATA_SHIM: {"kata_shim": "containerd-shim-kata-v2"}}
"""Where Go names a program otherwise than we call it."""

_GIVEN = {
    Family.ETCD: _Given(("etcd",), (3, 5, 13), (3, 7)),
    Family.KUBERNETES: _Given(
        ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"),
        (1, 36),
        (1, 37),  # the kubelet of 1.37 no longer speaks with containerd 1.x
    ),
}
_MODULE_VERSION = re.compile(r"^\s*k8s\.io/kubernetes (v\S+)", re.MULTILINE)


@dataclass(slots=True)
class Programs:
    """Everything is built when it is first asked for, and found again after that."""

    cache: Path = field(default_factory=default_cache)
    _folders: dict[Family, Path] = field(default_factory=dict)
    _go: Go | None = None

    async def path(self, family: Family, name: str) -> Path:
        """The program `name` of a family. Raises LabError when it cannot be built."""
        program = await self.folder(family) / name
        if not program.exists():
            raise LabError(f"the family {family} has no program {name}")
        return program

    async def folder(self, family: Family) -> Path:
        """All programs of a family. Raises LabError when they cannot be built."""
        if family not in self._folders:
            self._folders[family] = await _given(family) or await self._build(family)
        return self._folders[family]

    async def _build(self, family: Family) -> Path:
        if self._go is None:
            self._go = await find_go(self.cache)
        place = self.cache / f"{family}-{_key(family, self._go)}"
        with building(place) as folder:
            if folder is not None:
                await _build_into(folder, family, self._go)
        return place


async def _build_into(folder: Path, family: Family, go: Go) -> None:
    source = GO_FILES / family
    what = "." if any(source.glob("*.go")) else "tool"
    await go.run(source, "build", "-trimpath", "-ldflags", _ldflags(family), "-o", f"{folder}/", what)
    for built, wanted in _BUILT_AS.get(family, {}).items():
        (folder / built).rename(folder / wanted)


def _key(family: Family, go: Go) -> str:
    digest = hashlib.sha256(f"{go.version}\0{_ldflags(family)}".encode())
    for file in sorted((GO_FILES / family).glob("*")):
        if file.name in ("go.mod", "go.sum") or (file.suffix == ".go" and not file.stem.endswith("_test")):
            digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _ldflags(family: Family) -> str:
    """Kubernetes learns its own version from the linker; clients and nodes look at it."""
    if family is not Family.KUBERNETES:
        return "-s -w"
    found = _MODULE_VERSION.search((GO_FILES / family / "go.mod").read_text())
    if found is None:
        raise LabError("go/kubernetes/go.mod requires no k8s.io/kubernetes")
    return f"-s -w -X k8s.io/component-base/version.gitVersion={found[1]}"


async def _given(family: Family) -> Path | None:
    """The folder that has every program of the family in a version that will do."""
    wanted = _GIVEN.get(family)
    if wanted is None:
        return None
    for folder in _places():
        programs = [folder / name for name in wanted.programs]
        if all(os.access(program, os.X_OK) for program in programs):
            versions = [_parse_version(await call(str(program), "--version")) for program in programs]
            if all(wanted.since <= version < wanted.before for version in versions):
                return folder
    return None


def _places() -> list[Path]:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    return [Path(each) for each in (*([assets] if assets else []), *os.get_exec_path())]


def _parse_version(said: str) -> _Version:
    """Of `Kubernetes v1.36.3` or `etcd Version: 3.6.16`; of anything else none that would do."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    return tuple(int(part) for part in found.groups()) if found else ()
