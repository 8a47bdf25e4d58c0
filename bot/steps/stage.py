"""Fetch Kata's archive, check it, and unpack it beside the live tree.

A step of its own that comes before the cordon: it takes minutes, touches nothing that is in use, and a drain may
later move the mirror itself (domain.md 7).
"""

from typing import Any, ClassVar

from bot.core.action import Action, Command, Done, Run
from bot.core.facts import Facts
from bot.core.facts.kata_tree import ROOT
from bot.core.facts.ours import STATE
from bot.core.model import Verb
from bot.steps.program import run
from bot.steps.step import Step, failed, succeeded

_MOST_BYTES = 8 * 1024**3
"""Of an archive whose size the site did not state; recent ones have about 700 MB (kata-failures.md 6)."""


class Stage(Step, frozen=True, kw_only=True, tag="install-stage"):
    verb: ClassVar[Verb] = Verb.INSTALL

    url: str
    sha256: str
    version: str
    size_bytes: int | None
    ca_file: str
    tree: str
    timeout_s: float

    @property
    def title(self) -> str:
        return f"fetch Kata {self.version}, check it and unpack it beside {ROOT}"

    @property
    def detail(self) -> tuple[str, ...]:
        return (
            f"curl {self.url}",
            f"sha256 must be {self.sha256}",
            f"unpack into {self.tree}, every member checked, owned by root",
        )

    @property
    def desired(self) -> dict[str, Any]:
        return {"archive": self.sha256, "version": self.version}

    def next(self, facts: Facts) -> Action:
        node = facts.on_node
        if node.kata_complete and node.kata_tree.version == self.version:
            return Done(f"Kata {self.version} is complete in {ROOT}; nothing to stage")
        if (self.tree, self.sha256) in node.kata_tree.others:
            return Done(f"Kata {self.version} lies in {self.tree}")
        if failure := failed(facts, "download") or failed(facts, "unpack"):
            return failure
        return Run(self._unpack() if succeeded(facts, "download") else self._download())

    def _download(self) -> Command:
        return run(
            "download",
            "download.sh",
            self._directory,
            self.url,
            self.sha256,
            str(self.size_bytes or _MOST_BYTES),
            str(round(self.timeout_s)),
            self.ca_file,
            timeout_s=self.timeout_s + 60,
            purpose=f"fetch {self.url} and compare its sha256",
        )

    def _unpack(self) -> Command:
        return run(
            "unpack",
            "unpack.py",
            f"{self._directory}/archive",
            self.sha256,
            "zstd" if self.url.endswith(".zst") else "xz",
            self.tree,
            self.version,
            timeout_s=self.timeout_s,
            purpose=f"unpack Kata {self.version} into {self.tree}",
        )

    def discard(self) -> Command:
        """Delete what the commands above may have left."""
        return run(
            "discard",
            "trees.py",
            "discard",
            self.tree,
            self._directory,
            self.sha256,
            timeout_s=self.timeout_s,
            purpose=f"delete the archive and {self.tree}",
        )

    @property
    def _directory(self) -> str:
        return f"{STATE}/stage/{self.sha256[:16]}"

    def undo(self) -> tuple[Step, ...]:
        return (Unstage(stage=self, why="the repair is undone"),)


class Unstage(Step, frozen=True, kw_only=True, tag="undo-stage"):
    """Gigabytes on the root's overlay that nobody would look for. When they cannot be deleted, people are told."""

    verb: ClassVar[Verb] = Verb.INSTALL
    aftercare: ClassVar[bool] = True

    stage: Stage

    @property
    def title(self) -> str:
        return f"delete what was fetched and unpacked beside {ROOT}"

    @property
    def desired(self) -> dict[str, Any]:
        return {"undone": "stage", "archive": self.stage.sha256}

    def next(self, facts: Facts) -> Action:
        if succeeded(facts, "discard"):
            return Done("what was staged is deleted")
        return failed(facts, "discard") or Run(self.stage.discard())
