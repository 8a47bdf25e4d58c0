"""The images of a cluster without a registry: busybox under the names that the lab asks for, as archives."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

from tests.lab.kata.jobs import JOB_IMAGE

SANDBOX_IMAGE = "registry.local/registry.k8s.io/pause:3.9"
"""What the sandbox's configuration of containerd names."""

_COMMANDS = {SANDBOX_IMAGE: ("/bin/sleep", "2147483647"), JOB_IMAGE: ("/bin/sh",)}


def write_images(busybox: Path, folder: Path) -> None:
    """One archive per image, from a statically linked busybox, as `docker save` writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    layer = _layer(busybox)
    for index, (reference, command) in enumerate(_COMMANDS.items()):
        (folder / f"{index}.tar").write_bytes(_archive(reference, command, layer))


def _layer(busybox: Path) -> bytes:
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    folders = ("bin", "etc", "proc", "sys", "dev", "tmp", "root")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in folders:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
        _add(tar, "bin/busybox", busybox.read_bytes(), mode=0o755)
        _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
        for applet in applets:
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            if applet != "busybox":
                tar.addfile(entry)
    return buffer.getvalue()


def _archive(reference: str, command: tuple[str, ...], layer: bytes) -> bytes:
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": list(command), "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add(tar, "layer.tar", layer)
        _add(tar, "config.json", json.dumps(config).encode())
        _add(tar, "manifest.json", json.dumps(manifest).encode())
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
