"""Merge the Kata handlers into containerd's configuration.

In two commands, so that nothing is replaced before the node's own containerd has judged it: `validate`
shows what the *effective* configuration would become, which is compared here with that of today; only then
`replace`.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar, assert_never

import msgspec

from bot.core.action import Action, Command, Done, Fail, Run
from bot.core.containerd.compare import compare, missing_handlers
from bot.core.containerd.diff import added_lines
from bot.core.containerd.imports import imports_of, in_order
from bot.core.containerd.merge import merge
from bot.core.containerd.runtimes import DEFAULT
from bot.core.containerd.verdict import Merged, Refused, Unchanged
from bot.core.errors import UnknownFactError
from bot.core.facts import Facts
from bot.core.facts.config_file import ConfigFile
from bot.core.model import Diagnosis, Family, Verb
from bot.core.plan import PREIMAGE
from bot.steps.edit import Edit
from bot.steps.program import run
from bot.steps.restore import Restore
from bot.steps.situation import CannotRepairError, Situation
from bot.steps.step import ALREADY, Step, failed, succeeded

KATA, QEMU = DEFAULT.kata.name, DEFAULT.kata_qemu.name
_MARK = "dump-edit="


class Configure(Step, frozen=True, kw_only=True, tag="configure"):
    verb: ClassVar[Verb] = Verb.CONFIGURE

    path: str
    """The file itself, links followed."""
    edit: Edit
    backup: str
    candidate: str
    """Where the edited file lies while containerd judges it: in the same directory, since imports are relative."""
    containerd: str
    """The binary that the unit runs."""
    imports: tuple[str, ...]
    """Files that must exist because the configuration imports them literally."""
    added: tuple[str, ...]
    """Lines for people, secrets masked."""
    timeout_s: float

    @property
    def title(self) -> str:
        return f"add the handlers kata and kata-qemu to {self.path}"

    @property
    def detail(self) -> tuple[str, ...]:
        return (
            f"{self.containerd} --config {self.candidate} config dump, compared with the one of {self.path}",
            f"back up {self.path} to {self.backup}",
            f"replace {self.path} in one step, mode and owner kept",
        )

    @property
    def diff(self) -> tuple[str, ...]:
        return self.added

    @property
    def desired(self) -> dict[str, Any]:
        return {"path": self.path, PREIMAGE: self.edit.before, "result": self.edit.after}

    def next(self, facts: Facts) -> Action:
        config, dump = facts.on_node.config_file, facts.on_node.dump
        if config.real != self.path:
            return Fail(f"the unit's configuration is {config.real or 'absent'} now, not {self.path}")
        if config.sha256 == self.edit.after:
            return self._judge_replaced(dump.text, dump.error)
        if config.sha256 != self.edit.before:
            return Fail(f"{self.path} was changed by somebody else (sha256 {config.sha256}); it was left alone")
        if failure := failed(facts, "validate") or failed(facts, "replace"):
            return failure
        if not succeeded(facts, "validate"):
            return Run(self._validate())
        if problems := self._problems(dump.text, facts.outcomes["validate"].output):
            return Fail(f"the candidate would change more than the handlers: {'; '.join(problems)}")
        return Run(self._replace())

    def _judge_replaced(self, dump: str, error: str | None) -> Action:
        if error:
            return Fail(f"containerd refuses the merged {self.path}: {error}")
        if lacking := missing_handlers(dump):
            return Fail(f"{self.path} has the handlers, but not in effect: {'; '.join(map(str, lacking))}")
        return Done(f"{self.path} has both handlers, and containerd reads them (sha256 {self.edit.after[:12]}…)")

    def _problems(self, before: str, output: str) -> tuple[str, ...]:
        """What speaks against the candidate. `output` is what `validate` printed."""
        line = next((line for line in reversed(output.splitlines()) if line.startswith(_MARK)), None)
        if line is None:
            return ("the node did not print the effective difference",)
        try:
            change = msgspec.json.decode(line.removeprefix(_MARK), type=Edit)
            after = change.apply(in_order(before.encode())).decode()
            found = [*compare(before, after), *missing_handlers(after)]
        except (msgspec.MsgspecError, ValueError, UnknownFactError) as error:
            return (f"the effective difference cannot be judged ({error})",)
        return tuple(map(str, found))

    def _validate(self) -> Command:
        return run(
            "validate",
            "validate.py",
            self.path,
            msgspec.json.encode(self.edit).decode(),
            self.containerd,
            self.candidate,
            *self.imports,
            timeout_s=self.timeout_s,
            purpose="let the node's containerd judge the merged configuration",
        )

    def _replace(self) -> Command:
        return run(
            "replace",
            "replace.py",
            self.path,
            msgspec.json.encode(self.edit).decode(),
            self.backup,
            timeout_s=self.timeout_s,
            purpose=f"back up {self.path} and replace it",
        )

    def undo(self) -> tuple[Step, ...]:
        return (Restore.of("configure", self.edit, self.path, self.backup, self.timeout_s),)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to do about the configuration, and what people should know about it."""

    step: Configure | None
    notes: tuple[str, ...] = ()


def propose(s: Situation) -> Proposal:
    """Raises CannotRepairError when the handler is missing and cannot be added safely."""
    node = s.facts.on_node
    config = node.config_file
    lacking = [d for d in missing_handlers(node.dump.text) if not _is_only_kata(d.path)]
    if not lacking and not s.documented:
        return Proposal(None)
    match merge(config.content):
        case Refused() as refused if QEMU in node.live_handlers:
            return Proposal(None, (f"{QEMU} in {config.path} is not as the procedure has it: {refused}",))
        case Refused() as refused:
            raise CannotRepairError(_diagnose(config.path, str(refused)))
        case Unchanged(warnings=warnings) if not lacking:
            return Proposal(_step(s, config.content, ()), warnings)
        case Unchanged():
            seen = "; ".join(map(str, lacking))
            raise CannotRepairError(_diagnose(config.path, f"it has the handlers, but not in effect: {seen}"))
        case Merged() as merged:
            return Proposal(_step(s, merged.after, added_lines(merged)), (*merged.warnings, *_remarks(config)))
        case other:
            assert_never(other)


def _is_only_kata(path: str) -> bool:
    """The handler `kata` alone is no reason to restart containerd: IMS asks for `kata-qemu` (domain.md 1.3)."""
    return f".runtimes.{KATA}." in path


def _diagnose(path: str, why: str) -> Diagnosis:
    return Diagnosis(
        Family.CONTAINERD_CONFIG_BROKEN,
        f"{path}: {why}",
        guidance=(
            f"edit {path} by hand, check it with `containerd --config {path} config dump`",
            "then ask again",
        ),
    )


def _remarks(config: ConfigFile) -> tuple[str, ...]:
    if config.real == config.path:
        return ()
    return (f"{config.path} is a link; the file that changes is {config.real}",)


def _step(s: Situation, content: bytes, added: tuple[str, ...]) -> Configure:
    node = s.facts.on_node
    path = PurePosixPath(node.config_file.real)
    return Configure(
        path=str(path),
        edit=Edit.between(node.config_file.content, content),
        backup=s.backup_of(path.name, node.config_file.sha256),
        candidate=str(path.with_name(f".{path.name}.imsbot-{s.incident}")),
        containerd=node.unit.binary,
        imports=tuple(map(str, imports_of(content, path).literal)),
        added=added,
        timeout_s=s.settings.ssh.command_timeout_s,
        why=f"{node.config_file.path} does not give containerd the handler {QEMU}" if added else ALREADY,
    )
