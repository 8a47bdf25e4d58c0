"""Archives like upstream's, and unlike them."""

import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

from bot.steps.stage import Stage
from tests.unit.steps import samples

STOCK = samples.KATA_TOML.replace(', "default_memory", "kernel_params", "cpu_features"', "").replace(
    "/var/lib/kata", ""
)

FILES = {
    "VERSION": ("3.17.0\n", 0o644),
    "bin/containerd-shim-kata-v2": ("#!/bin/sh\n", 0o755),
    "bin/qemu-system-x86_64": ("#!/bin/sh\n", 0o755),
    "libexec/virtiofsd": ("#!/bin/sh\n", 0o755),
    "share/kata-containers/vmlinux-6.1": ("kernel", 0o644),
    "share/kata-containers/kata-containers.img": ("image", 0o644),
    "share/defaults/kata-containers/configuration-qemu.toml": (STOCK, 0o644),
}

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, content: str = "", mode: int = 0o644, **fields: object) -> Member:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.uid, info.gid, info.mtime = len(content), mode, 1001, 123, 1_700_000_000
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content.encode()


def good_members() -> list[Member]:
    """Layout of upstream's archive, with the root entry that turns `/` over to a build user."""
    members = [member("./", mode=0o700, type=tarfile.DIRTYPE), member("./opt/kata/", type=tarfile.DIRTYPE)]
    members += [member(f"./opt/kata/{name}", *content) for name, content in FILES.items()]
    link = "./opt/kata/share/kata-containers/vmlinux.container"
    members.append(member(link, type=tarfile.SYMTYPE, linkname="vmlinux-6.1"))
    return members


def packed(members: Iterable[Member]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return lzma.compress(buffer.getvalue())


def lay_down(root: Path, files: Iterable[str], edit: Callable[[str], str] = lambda text: text) -> None:
    """Some of the files as an installation in place."""
    for name in files:
        content, mode = FILES[name]
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(edit(content))
        path.chmod(mode)
    link = root / "share/kata-containers/vmlinux.container"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("vmlinux-6.1")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def stage(url: str, sha: str, version: str = "3.17.0") -> Stage:
    tree = f"/opt/.imsbot-kata-{version}-{sha[:8]}"
    return Stage(url=url, sha256=sha, version=version, size_bytes=None, ca_file="", tree=tree, timeout_s=60)
