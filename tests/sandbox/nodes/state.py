"""In what state a simulated worker is switched on: what of Kata it has, and which containerd it runs.

A state is written into files before the first boot, and is nothing but those files afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tests.sandbox.mirror.archive import Entries, unpack
from tests.sandbox.mirror.release import default_annotations, release
from tests.sandbox.nodes.rootfs import RootFilesystem

_FILES = Path(__file__).parent / "files"
CONFIG = "/etc/containerd/config.toml"
UNIT = "/etc/systemd/system/containerd.service"
_UNIT_SOURCE = "/srv/cray/resources/common/containerd/containerd.service"
_WANTS = "/etc/systemd/system/multi-user.target.wants"
SHIM = "/opt/kata/bin/containerd-shim-kata-v2"
KATA_CONFIG = "/opt/kata/share/defaults/kata-containers/configuration-qemu.toml"
_CONFIGURATIONS = {"kata": "configuration.toml", "kata-qemu": "configuration-qemu.toml"}
_TUNED = '["enable_iommu", "virtio_fs_extra_args", "default_memory", "kernel_params", "cpu_features"]'


class Disk(Protocol):
    """A worker's files, seen from its host."""

    @property
    def root(self) -> Path: ...

    def host_path(self, inside: str) -> Path: ...


class UnitKind(StrEnum):
    """Whose unit runs containerd."""

    PLAIN = "plain"
    """A restart leaves every container alone."""
    CSM = "csm"
    """CSM 1.3 and later, a link into /srv/cray: a restart kills every container."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """The defaults are a healthy worker of CSM 1.7."""

    kata_version: str | None = "3.17.0"
    """What lies under /opt/kata; None: nothing."""
    handlers: tuple[str, ...] = ("kata", "kata-qemu")
    """Configured in containerd's file."""
    links: tuple[str, ...] = ("kata", "kata-qemu")
    """Handlers whose shim is linked into /usr/local/bin."""
    tuned: bool = True
    """The Kata configuration has what customize jobs need, and the memory folder exists."""
    unit: UnitKind = UnitKind.PLAIN
    config: str | None = None
    """The whole text of containerd's file, instead of ours with `handlers`."""
    missing: tuple[str, ...] = ()
    """Files to take away again, as a partial installation lacks them."""
    not_executable: tuple[str, ...] = ()

    def write(self, files: RootFilesystem) -> None:
        """Lay it out. The root filesystem must exist and its node be off."""
        (files.root / "opt/containerd").mkdir()
        (files.root / "opt/cni/bin").mkdir(parents=True)
        self.write_kata(files)
        self._write_containerd(files)

    def write_kata(self, files: Disk, contents: Callable[[str], Entries] = release) -> None:
        """What of Kata lies on the disk, without what containerd knows of it. There must be nothing of it yet."""
        if self.kata_version is not None:
            unpack(contents(self.kata_version), files.root)
            if self.tuned:
                self._tune(files, self.kata_version)
        for handler in self.links:
            files.host_path(f"/usr/local/bin/containerd-shim-{handler}-v2").symlink_to(SHIM)
        for path in self.missing:
            files.host_path(path).unlink()
        for path in self.not_executable:
            files.host_path(path).chmod(0o644)

    def _tune(self, files: Disk, version: str) -> None:
        path = files.host_path(KATA_CONFIG)
        text = path.read_text(encoding="utf-8")
        text = text.replace(
            f"enable_annotations = {default_annotations(version)}", f"enable_annotations = {_TUNED}"
        )
        text = text.replace('#file_mem_backend = ""', 'file_mem_backend = "/var/lib/kata"')
        path.write_text(text, encoding="utf-8")
        files.host_path("/var/lib/kata").mkdir()

    def _write_containerd(self, files: RootFilesystem) -> None:
        config = files.host_path(CONFIG)
        config.parent.mkdir()
        config.write_text(
            self.config if self.config is not None else render_config(self.handlers), encoding="utf-8"
        )
        write_unit(files, self.unit)


def write_unit(files: Disk, kind: UnitKind) -> None:
    """containerd's unit, started at boot."""
    unit, wants = files.host_path(UNIT), files.host_path(_WANTS)
    if kind is UnitKind.CSM:
        source = files.host_path(_UNIT_SOURCE)
        source.parent.mkdir(parents=True)
        source.write_text((_FILES / "containerd-csm.service").read_text(encoding="utf-8"), encoding="utf-8")
        unit.symlink_to(_UNIT_SOURCE)
    else:
        unit.write_text((_FILES / "containerd.service").read_text(encoding="utf-8"), encoding="utf-8")
    wants.mkdir(exist_ok=True)
    (wants / unit.name).unlink(missing_ok=True)
    (wants / unit.name).symlink_to(UNIT)


def render_handlers(handlers: tuple[str, ...]) -> str:
    """The tables of those Kata handlers, for a configuration of schema 2."""
    block = (_FILES / "handler.toml").read_text(encoding="utf-8")
    return "".join(
        block.replace("@HANDLER@", handler).replace("@CONFIGURATION@", _CONFIGURATIONS[handler])
        for handler in handlers
    )


def render_config(handlers: tuple[str, ...]) -> str:
    """containerd's file as CSM's template renders it, with those Kata handlers."""
    text = (_FILES / "config.toml").read_text(encoding="utf-8")
    return text.replace("@KATA@\n", render_handlers(handlers))


HEALTHY = NodeState()
BARE = NodeState(kata_version=None, handlers=(), links=())
"""No trace of Kata."""
WITHOUT_HANDLER = NodeState(handlers=())
WITHOUT_SHIM = NodeState(links=())
WITHOUT_HANDLER_AND_SHIM = NodeState(handlers=(), links=())
WITHOUT_KATA = NodeState(kata_version=None)
"""Handlers and links are there, so the links dangle."""
PARTIAL = NodeState(missing=("/opt/kata/bin/qemu-system-x86_64", "/opt/kata/libexec/virtiofsd"))
UNTUNED = NodeState(tuned=False, kata_version="3.2.0")
"""Upstream's defaults of before 3.17: customize jobs are refused, create jobs pass."""
CSM_UNIT = NodeState(handlers=(), unit=UnitKind.CSM)
"""Needs a restart, and the restart kills."""
BROKEN_CONFIG = NodeState(config="version = 2\n[plugins\n")
"""containerd does not come up."""
WITHOUT_RUNC = NodeState(
    config=render_config(("kata-qemu",)).replace("containerd.runtimes.runc", "containerd.runtimes.crun")
)
"""containerd comes up, its CRI plugin does not."""
