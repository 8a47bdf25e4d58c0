"""What is installed on the workers beside Debian: one layer of an overlay per version of containerd.

A layer holds programs, units and images, the same for every worker. It is written once and never changed, because
a running worker may stand on it. Without a containerd of its own a worker has Debian's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.lab.cache import building
from tests.lab.node.images import write_images

_FILES = Path(__file__).parent / "files"
_LIBRARY = "usr/local/lib/imslab"
_UNITS = {
    "imslab-machine.service": "basic.target",
    "imslab-images.service": "multi-user.target",
    "kubelet.service": "multi-user.target",
}
"""Unit -> what wants it."""


class Containerd(StrEnum):
    V1_6 = "1.6"
    """Debian's."""
    V1_7 = "1.7"
    V2 = "2"


@dataclass(frozen=True, slots=True)
class NodePrograms:
    """Where the programs lie that were built for the workers."""

    crictl: Path
    kubelet: Path
    containerd: Mapping[Containerd, tuple[Path, ...]]
    """Those of `containerd`, `ctr` and its shim, for each version but Debian's."""

    def of(self, version: Containerd) -> tuple[Path, ...]:
        """All that a worker with that containerd gets. Raises KeyError when it was not built."""
        return (self.crictl, self.kubelet, *(() if version is Containerd.V1_6 else self.containerd[version]))


def software(place: Path, base: Path, programs: NodePrograms, version: Containerd) -> Path:
    """The layer of that version in `place`, written when it is not there."""
    installed = programs.of(version)
    layer = place / f"software-{version}-{_key(base, installed)}"
    with building(layer) as folder:
        if folder is not None:
            _write(folder, base, installed)
    return layer


def _write(layer: Path, base: Path, programs: tuple[Path, ...]) -> None:
    folder, library = layer / "usr/local/bin", layer / _LIBRARY
    for each in (folder, library):
        each.mkdir(parents=True)
    for program in programs:
        _lend(program, folder / program.name)
    if not (folder / "containerd").exists():
        (folder / "containerd").symlink_to("/usr/bin/containerd")  # where CSM's unit looks for it
    write_images(base / "bin/busybox", library / "images")
    shutil.copy(_FILES / "prepare.sh", library)
    units = layer / "etc/systemd/system"
    for unit, target in _UNITS.items():
        wants = units / f"{target}.wants"
        wants.mkdir(parents=True, exist_ok=True)
        shutil.copy(_FILES / unit, units)
        (wants / unit).symlink_to(f"/etc/systemd/system/{unit}")


def _lend(program: Path, place: Path) -> None:
    """Without a second copy on the disk where that is possible: kubelets are large."""
    try:
        os.link(program.resolve(), place)
    except OSError:
        shutil.copy(program, place)
    place.chmod(0o755)


def _key(base: Path, programs: tuple[Path, ...]) -> str:
    """Of what the layer is made of. Programs of one name are told apart by size and time, not by reading them."""
    digest = hashlib.sha256(str(base).encode())
    for file in sorted(_FILES.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    for program in programs:
        found = program.stat()
        digest.update(f"{program} {found.st_size} {found.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]
