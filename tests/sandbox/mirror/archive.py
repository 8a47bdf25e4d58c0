"""Packs a release as upstream does, byte for byte the same each time, and in every way that must be refused.

Upstream's archives carry an entry for `.` with a foreign owner and mode 0700: unpacked onto `/` it takes the root
directory away from root. It is here, too.
"""

import hashlib
import io
import lzma
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.sandbox.mirror.release import Entry, Kind, release

_UPSTREAM_OWNER = (1001, 123)
_BUILT_AT = 1_745_000_000
_TYPES = {
    Kind.FOLDER: tarfile.DIRTYPE,
    Kind.FILE: tarfile.REGTYPE,
    Kind.LINK: tarfile.SYMTYPE,
    Kind.HARD_LINK: tarfile.LNKTYPE,
    Kind.DEVICE: tarfile.CHRTYPE,
}

Entries = tuple[Entry, ...]


class Format(StrEnum):
    XZ = "tar.xz"
    ZST = "tar.zst"


class Trap(StrEnum):
    """What is wrong with an archive."""

    NONE = "none"
    PARENT_MEMBER = "parent-member"
    ABSOLUTE_MEMBER = "absolute-member"
    ESCAPING_LINK = "escaping-link"
    WRITE_THROUGH_LINK = "write-through-link"
    HARD_LINK = "hard-link"
    DEVICE_NODE = "device-node"
    OUTSIDE_KATA = "outside-kata"
    NO_SHIM = "no-shim"
    TRUNCATED = "truncated"
    BOMB = "bomb"
    """Unpacks to 64 MiB of zeros."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A built file. `sha256` is of what lies at `path`."""

    version: str
    path: Path
    sha256: str
    size_bytes: int

    @property
    def name(self) -> str:
        return self.path.name


def build(
    folder: Path,
    version: str,
    form: Format = Format.XZ,
    trap: Trap = Trap.NONE,
    contents: Callable[[str], Entries] = release,
) -> Archive:
    """Write `kata-static-<version>-amd64.<form>` into `folder`. Needs `zstd` for that format.

    `contents` says what a version consists of.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packed = _compress(_tar(_SPOILERS.get(trap, tuple)(contents(version))), form)
    if trap is Trap.TRUNCATED:
        packed = packed[: len(packed) // 2]
    path = folder / f"kata-static-{version}-amd64.{form}"
    path.write_bytes(packed)
    return Archive(version, path, hashlib.sha256(packed).hexdigest(), len(packed))


def unpack(entries: Iterable[Entry], root: Path) -> None:
    """Lay the entries out below `root`, as an installation owned by the caller."""
    for entry in entries:
        path = root / entry.path
        match entry.kind:
            case Kind.FOLDER:
                path.mkdir(mode=entry.mode, parents=True, exist_ok=True)
            case Kind.FILE:
                path.write_bytes(entry.content)
                path.chmod(entry.mode)
            case Kind.LINK:
                path.symlink_to(entry.target)
            case Kind.HARD_LINK | Kind.DEVICE:
                raise ValueError(f"{entry.path}: a sound release has no {entry.kind}")


def _tar(entries: Iterable[Entry]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(_member(Entry(".", Kind.FOLDER, 0o700)))
        for entry in entries:
            tar.addfile(_member(entry), io.BytesIO(entry.content))
    return packed.getvalue()


def _member(entry: Entry) -> tarfile.TarInfo:
    own = entry.path.startswith(("/", "../")) or entry.path == "."
    member = tarfile.TarInfo(entry.path if own else f"./{entry.path}")
    member.type, member.mode, member.mtime = _TYPES[entry.kind], entry.mode, _BUILT_AT
    member.uid, member.gid = _UPSTREAM_OWNER
    member.linkname, member.size = entry.target, len(entry.content)
    if entry.kind is Kind.DEVICE:
        member.devmajor, member.devminor = 1, 3
    return member


def _compress(packed: bytes, form: Format) -> bytes:
    match form:
        case Format.XZ:
            return lzma.compress(packed, preset=1)
        case Format.ZST:
            zstd = shutil.which("zstd")
            if zstd is None:
                raise FileNotFoundError("zstd is not installed (Debian package zstd)")
            return subprocess.run([zstd, "-q", "-3", "-c"], input=packed, capture_output=True, check=True).stdout


def _adding(*more: Entry) -> Callable[[Entries], Entries]:
    return lambda entries: (*entries, *more)


def _without_shim(entries: Entries) -> Entries:
    return tuple(entry for entry in entries if not entry.path.endswith("containerd-shim-kata-v2"))


_EVIL = b"root:$1$x$planted:0:0:99999:7:::\n"
_SPOILERS: dict[Trap, Callable[[Entries], Entries]] = {
    Trap.PARENT_MEMBER: _adding(Entry("../../etc/planted", Kind.FILE, 0o644, _EVIL)),
    Trap.ABSOLUTE_MEMBER: _adding(Entry("/etc/planted", Kind.FILE, 0o644, _EVIL)),
    Trap.ESCAPING_LINK: _adding(Entry("opt/kata/share/etc", Kind.LINK, 0o777, target="../../../../etc")),
    Trap.WRITE_THROUGH_LINK: _adding(
        Entry("opt/kata/out", Kind.LINK, 0o777, target="/etc"),
        Entry("opt/kata/out/planted", Kind.FILE, 0o644, _EVIL),
    ),
    Trap.HARD_LINK: _adding(Entry("opt/kata/shadow", Kind.HARD_LINK, 0o644, target="/etc/shadow")),
    Trap.DEVICE_NODE: _adding(Entry("opt/kata/null", Kind.DEVICE, 0o666)),
    Trap.OUTSIDE_KATA: _adding(Entry("usr/local/bin/planted", Kind.FILE, 0o755, b"#!/bin/sh\n")),
    Trap.NO_SHIM: _without_shim,
    Trap.BOMB: _adding(Entry("opt/kata/share/zeros", Kind.FILE, 0o644, bytes(64 << 20))),
}
