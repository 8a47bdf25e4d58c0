"""Cases of configuration files: each folder is one trait, its outcome lies beside it.

`in.toml` alone: nothing to do. With `out.toml`: merged to exactly these bytes. With `refused.txt`: refused, and
each of its lines is part of the reason. `warnings.txt`: one line per warning, each part of it.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / "cases" / "containerd"


@dataclass(frozen=True)
class Case:
    folder: Path

    @property
    def content(self) -> bytes:
        return (self.folder / "in.toml").read_bytes()

    @property
    def merged(self) -> bytes | None:
        out = self.folder / "out.toml"
        return out.read_bytes() if out.exists() else None

    @property
    def refused(self) -> list[str] | None:
        return self._lines("refused.txt")

    @property
    def warnings(self) -> list[str]:
        return self._lines("warnings.txt") or []

    def _lines(self, name: str) -> list[str] | None:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else None


ALL = [Case(folder) for folder in sorted(CASES.iterdir()) if (folder / "in.toml").exists()]
MERGED = [case for case in ALL if case.merged is not None]


def named(cases: list[Case]) -> list[object]:
    return [pytest.param(case, id=case.folder.name) for case in cases]
