"""Put the staged tree in place as /opt/kata, and take it back.

What "in place" means depends on what is there (design.md 7): nothing -> rename; the same version with holes -> add
the missing files; another version -> exchange both trees in one step. `choose_install.py` decides which.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar

from bot.core.action import Action, Command, Done, Fail, Run, Wait
from bot.core.facts import Facts, NodeFacts
from bot.core.facts.kata_tree import PREFIX, ROOT
from bot.core.model import Verb
from bot.steps.program import run
from bot.steps.step import Step, failed, succeeded

_VM_END_S = 90
"""Three times the usual grace period of a pod."""

_KEPT = 2
"""Old trees that stay beside the live one."""


class Mode(StrEnum):
    """How the staged tree comes to life."""

    PLACE = "place"
    ADD = "add"
    EXCHANGE = "exchange"


class Install(Step, frozen=True, kw_only=True, tag="install"):
    verb: ClassVar[Verb] = Verb.INSTALL

    mode: Mode
    sha256: str
    version: str
    tree: str
    old: str
    """Where the tree of before is kept after an exchange."""
    added: str
    """Where the names of added files are noted."""
    timeout_s: float

    @property
    def title(self) -> str:
        match self.mode:
            case Mode.PLACE:
                return f"put Kata {self.version} in place as {ROOT}"
            case Mode.ADD:
                return f"add the missing files of Kata {self.version} to {ROOT}"
            case Mode.EXCHANGE:
                return f"exchange {ROOT} for Kata {self.version}, and keep the old tree"

    @property
    def detail(self) -> tuple[str, ...]:
        match self.mode:
            case Mode.PLACE:
                return (f"rename {self.tree} to {ROOT}",)
            case Mode.ADD:
                return (f"link each missing file from {self.tree} into {ROOT}; no other file changes",)
            case Mode.EXCHANGE:
                return (f"exchange {self.tree} and {ROOT} in one step", f"keep the old tree as {self.old}")

    @property
    def desired(self) -> dict[str, Any]:
        return {"root": ROOT, "mode": self.mode, "archive": self.sha256, "version": self.version}

    def next(self, facts: Facts) -> Action:
        node = facts.on_node
        if self._in_place(node):
            return self._tidy(facts, node) or Done(f"{ROOT} has Kata {self.version}, complete")
        if failure := failed(facts, self.mode):
            return failure
        if succeeded(facts, self.mode):
            return Fail(f"Kata {self.version} is in place and still not complete: {', '.join(node.kata_missing)}")
        if self.mode is not Mode.ADD and node.processes.running:
            return Fail(f"micro-VMs run from {ROOT} ({node.processes.running[0]}); its tree is not exchanged")
        return Run(self.command(self.mode))

    def _in_place(self, node: NodeFacts) -> bool:
        ours = node.kata_tree.archive == self.sha256 and self.tree not in dict(node.kata_tree.others)
        same = node.kata_tree.version == self.version
        return node.kata_complete and (ours if self.mode is Mode.EXCHANGE else same)

    def _tidy(self, facts: Facts, node: NodeFacts) -> Action | None:
        """Delete what we kept of earlier repairs, once. It never decides a repair."""
        olds = [tree for tree, _ in node.kata_tree.others if tree.startswith(f"{PREFIX}old-") and tree != self.old]
        doomed = [tree for tree in olds if not any(used.startswith(tree) for used in node.processes.running)]
        if len(doomed) < _KEPT or "prune" in facts.outcomes:
            return None
        return Run(self._run("prune", "prune", str(_KEPT - 1), *doomed))

    def command(self, verb: str) -> Command:
        """The program `trees.py` with what `verb` needs, forth or back."""
        paths = {
            "place": (self.tree, ROOT, self.sha256),
            "unplace": (self.tree, ROOT, self.sha256),
            "exchange": (self.tree, ROOT, self.old, self.sha256),
            "back": (self.tree, ROOT, self.old, self.sha256),
            "add": (self.tree, ROOT, self.added),
            "remove": (self.added,),
        }
        return self._run(verb, verb, *paths[verb])

    def _run(self, key: str, *args: str) -> Command:
        return run(key, "trees.py", *args, timeout_s=self.timeout_s, purpose=self.title)

    def undo(self) -> tuple[Step, ...]:
        return (Uninstall(install=self, why="the repair is undone"),)


class Uninstall(Step, frozen=True, kw_only=True, tag="undo-install"):
    """Take back what `Install` put in place."""

    verb: ClassVar[Verb] = Verb.INSTALL

    install: Install

    @property
    def title(self) -> str:
        return f"give back {ROOT} as it was"

    @property
    def desired(self) -> dict[str, Any]:
        return {"root": ROOT, "undone": self.install.mode, "archive": self.install.sha256}

    def next(self, facts: Facts) -> Action:
        node = facts.on_node
        way_back = {Mode.PLACE: "unplace", Mode.ADD: "remove", Mode.EXCHANGE: "back"}[self.install.mode]
        if succeeded(facts, way_back):
            return Done(f"{ROOT} is as it was")
        if failure := failed(facts, way_back):
            return failure
        if node.processes.running:
            return self._wait(facts, node.processes.running[0])
        return Run(self.install.command(way_back))

    def _wait(self, facts: Facts, running: str) -> Action:
        """The canary's micro-VM takes its grace period to end."""
        until = facts.began + timedelta(seconds=_VM_END_S)
        if facts.now >= until:
            return Fail(f"micro-VMs run from {ROOT} ({running}); it stays as it is")
        return Wait(until, f"{running} still runs")
