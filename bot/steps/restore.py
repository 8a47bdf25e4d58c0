"""Put a file back that a step of the plan had edited: the undo of configure and tune."""

from typing import Any, ClassVar, Self

from bot.core.action import Action, Done, Fail, Run
from bot.core.facts import Facts
from bot.core.model import Verb
from bot.core.plan import PREIMAGE
from bot.steps.edit import Edit
from bot.steps.program import run
from bot.steps.step import Step, failed


class Restore(Step, frozen=True, kw_only=True, tag="restore"):
    """Restores only over what we wrote: an edit that somebody made since stays."""

    verb: ClassVar[Verb] = Verb.CONFIGURE

    what: str
    """"configure" or "tune": the step that it undoes."""
    path: str
    backup: str
    before: str
    """sha256 of the file before we came."""
    after: str
    """sha256 of what we wrote."""
    timeout_s: float

    @classmethod
    def of(cls, what: str, edit: Edit, path: str, backup: str, timeout_s: float) -> Self:
        return cls(
            what=what,
            path=path,
            backup=backup,
            before=edit.before,
            after=edit.after,
            timeout_s=timeout_s,
            why="the repair is undone",
        )

    @property
    def name(self) -> str:
        return f"undo-{self.what}"

    @property
    def title(self) -> str:
        return f"put {self.path} back as it was"

    @property
    def desired(self) -> dict[str, Any]:
        return {"path": self.path, PREIMAGE: self.after, "result": self.before}

    def next(self, facts: Facts) -> Action:
        node = facts.on_node
        files = {file.real: file.sha256 for file in (node.config_file, node.kata_config)}
        found = files.get(self.path)
        if found == self.before:
            return Done(f"{self.path} is as it was (sha256 {self.before[:12]}…)")
        if found != self.after:
            return Fail(f"{self.path} is neither what we wrote nor what was there before; it was left alone")
        if failure := failed(facts, "restore"):
            return failure
        return Run(
            run(
                "restore",
                "restore.py",
                self.path,
                self.backup,
                self.after,
                self.before,
                timeout_s=self.timeout_s,
                purpose=self.title,
            )
        )
