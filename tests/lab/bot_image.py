"""The image that `deploy/Containerfile` describes, made without a registry or a package index.

Its settings are read from the file's last stage. Its base is the workers' Debian, and the packages are the host's
(`installed`): what only the real build can show, it does not.
"""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import tarfile
from pathlib import Path
from typing import Any

from tests.deploy.manifests import DEPLOY
from tests.lab.host import call
from tests.lab.installed import install_bot

NOBODY = 65534
_MOUNTS = ("etc/imsbot/rules", "etc/imsbot/ssh", "etc/imsbot/slack", "etc/imsbot/ims", "var/lib/imsbot")
_NOT_NEEDED = ("./usr/share/doc", "./usr/share/locale", "./usr/share/man", "./usr/share/perl", "./var")


async def write_bot_image(base: Path, folder: Path, reference: str) -> Path:
    """An archive as `docker save` writes it, in `folder` (400 MB). `base` is the root of a Debian with Python."""
    top = folder / "top"
    for mount in _MOUNTS:
        (top / mount).mkdir(parents=True)
    (top / "var/lib/imsbot").chmod(0o700)
    install_bot(top)
    layers = [folder / "base.tar", folder / "top.tar"]
    excluded = [f"--exclude={path}" for path in _NOT_NEEDED]
    await call("tar", "-C", str(base), *excluded, "-cf", str(layers[0]), ".")
    await call("tar", "-C", str(top), "--owner=0", "--group=0", "-cf", str(layers[1]), ".")
    archive = folder / "imsbot.tar"
    with tarfile.open(archive, "w") as tar:
        for layer in layers:
            tar.add(layer, layer.name)
        _add(tar, "config.json", _config(layers))
        manifest = {"Config": "config.json", "RepoTags": [reference], "Layers": [layer.name for layer in layers]}
        _add(tar, "manifest.json", [manifest])
    return archive


def _config(layers: list[Path]) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": image_settings((DEPLOY / "Containerfile").read_text()),
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer) for layer in layers]},
    }


def _digest(layer: Path) -> str:
    with layer.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"


def image_settings(containerfile: str) -> dict[str, Any]:
    """What the last stage says of how the image is run, in the words of an OCI image configuration."""
    stage = containerfile.replace("\\\n", " ").rsplit("\nFROM ", 1)[1]
    said = dict(line.split(" ", 1) for line in stage.splitlines()[1:] if line and line[0] != "#")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "User": said["USER"],
        "WorkingDir": said["WORKDIR"],
        "Entrypoint": json.loads(said["ENTRYPOINT"]),
        "Cmd": json.loads(said["CMD"]),
        "Env": [pair.replace("$PATH", path) for pair in shlex.split(said["ENV"])],
    }


def _add(tar: tarfile.TarFile, name: str, document: object) -> None:
    content = json.dumps(document).encode()
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
