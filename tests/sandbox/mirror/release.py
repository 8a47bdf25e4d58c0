"""What a simulated Kata release consists of: upstream's layout with small programs that answer for themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.sandbox.mirror.executable import waiting_program

_PAYLOAD = Path(__file__).parent / "payload"
_KATA = "opt/kata"
_GUEST_KERNEL = "6.12.22-145"
_QEMU_VERSION = "QEMU emulator version 9.1.2 (kata-static)"
_PROGRAMS = {
    "bin/containerd-shim-kata-v2": "containerd-shim-kata-v2",
    "bin/kata-runtime": "kata-runtime",
    "libexec/virtiofsd": "virtiofsd",
}


class Kind(StrEnum):
    FOLDER = "folder"
    FILE = "file"
    LINK = "link"
    HARD_LINK = "hard-link"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of the archive; `path` as it is written there, `target` of links."""

    path: str
    kind: Kind
    mode: int = 0o755
    content: bytes = b""
    target: str = ""


def release(version: str) -> tuple[Entry, ...]:
    """Every entry of the release below `./`, folders before what is in them."""
    entries = [*_programs(version), *_guest(), *_configurations(version)]
    entries.append(Entry(f"{_KATA}/VERSION", Kind.FILE, 0o644, f"{version}\n".encode()))
    entries.append(Entry(f"{_KATA}/versions.yaml", Kind.FILE, 0o644, _versions_yaml(version).encode()))
    folders = sorted({str(parent) for entry in entries for parent in Path(entry.path).parents} - {"."})
    return (*(Entry(folder, Kind.FOLDER) for folder in folders), *sorted(entries, key=lambda entry: entry.path))


def _programs(version: str) -> Iterator[Entry]:
    for path, name in _PROGRAMS.items():
        yield Entry(f"{_KATA}/{path}", Kind.FILE, 0o755, _payload(name, version))
    yield Entry(f"{_KATA}/bin/qemu-system-x86_64", Kind.FILE, 0o755, waiting_program(_QEMU_VERSION))


def _guest() -> Iterator[Entry]:
    folder = f"{_KATA}/share/kata-containers"
    kernel, image = f"vmlinux-{_GUEST_KERNEL}", "kata-ubuntu-noble.image"
    yield Entry(f"{folder}/{kernel}", Kind.FILE, 0o644, f"guest kernel, release {_GUEST_KERNEL}\n".encode())
    yield Entry(f"{folder}/{image}", Kind.FILE, 0o644, b"guest root filesystem\n" * 64)
    yield Entry(f"{folder}/vmlinux.container", Kind.LINK, 0o777, target=kernel)
    yield Entry(f"{folder}/kata-containers.img", Kind.LINK, 0o777, target=image)


def _configurations(version: str) -> Iterator[Entry]:
    folder = f"{_KATA}/share/defaults/kata-containers"
    text = _payload("configuration-qemu.toml", version).decode()
    text = text.replace("@ENABLE_ANNOTATIONS@", default_annotations(version))
    yield Entry(f"{folder}/configuration-qemu.toml", Kind.FILE, 0o644, text.encode())
    yield Entry(f"{folder}/configuration.toml", Kind.LINK, 0o777, target="configuration-qemu.toml")


def default_annotations(version: str) -> str:
    """The list that upstream ships: it grew with 3.17."""
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) >= (3, 17):
        return '["enable_iommu", "virtio_fs_extra_args", "kernel_params"]'
    return '["enable_iommu"]'


def _payload(name: str, version: str) -> bytes:
    return (_PAYLOAD / name).read_text(encoding="utf-8").replace("@VERSION@", version).encode()


def _versions_yaml(version: str) -> str:
    return (
        f"# What this release was built from.\nkata: {version}\nassets:\n  kernel:\n    version: {_GUEST_KERNEL}\n"
    )
