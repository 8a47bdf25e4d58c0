"""Set in Kata's configuration what IMS jobs need and the stock file lacks (domain.md 2.4).

Without `virtio_fs_extra_args` among the enabled annotations every customize job fails; without `file_mem_backend`
guests fill /dev/shm. Kata reads the file at each VM's start, so no restart is needed.
"""

from typing import Any, ClassVar

import msgspec

from bot.core.action import Action, Command, Done, Fail, Run
from bot.core.facts import Facts
from bot.core.facts.kata_config import PATH, KataConfig
from bot.core.facts.ours import STATE
from bot.core.model import Diagnosis, Family, Verb
from bot.core.plan import PREIMAGE
from bot.steps.edit import Edit
from bot.steps.kata_toml import tuned
from bot.steps.program import run
from bot.steps.restore import Restore
from bot.steps.situation import CannotRepairError, Situation
from bot.steps.step import ALREADY, Step, failed, succeeded


class Tune(Step, frozen=True, kw_only=True, tag="tune"):
    verb: ClassVar[Verb] = Verb.TUNE

    path: str
    annotations: tuple[str, ...]
    backend: str | None
    edit: Edit | None
    """`None` when an earlier step of the plan brings the file out of the archive."""
    backup: str
    timeout_s: float

    @property
    def title(self) -> str:
        return f"enable the annotations that IMS needs in {self.path}"

    @property
    def detail(self) -> tuple[str, ...]:
        directory = (f"mkdir -p {self.backend}",) if self.backend else ()
        return (*directory, f"back up {self.path} to {self.backup} and replace it in one step")

    @property
    def diff(self) -> tuple[str, ...]:
        if self.edit is None:
            return tuple(_assignments(self))
        added = [line.strip() for hunk in self.edit.hunks for line in hunk.lines]
        return ("  [hypervisor.qemu]", *(f"+ {line}" for line in added)) if added else ()

    @property
    def desired(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "annotations": sorted(self.annotations),
            "backend": self.backend,
            PREIMAGE: self.edit.before if self.edit else None,
        }

    def next(self, facts: Facts) -> Action:
        config = facts.on_node.kata_config
        if not config.present or config.error:
            return Fail(f"{PATH}: {config.error or 'it does not exist'}")
        if failure := failed(facts, "backend") or failed(facts, "replace"):
            return failure
        if self.backend and not config.backend_directory:
            return Run(self._make_directory(self.backend))
        if not lacking(config, self.annotations, self.backend):
            return Done(f"{self.path} enables {', '.join(self.annotations)}")
        if succeeded(facts, "replace"):
            return Fail(f"{self.path} was edited and still lacks {'; '.join(_lack_of(config, self))}")
        return self._edit(config)

    def _edit(self, config: KataConfig) -> Action:
        if config.real != self.path and self.edit is not None:
            return Fail(f"the configuration is {config.real} now, not {self.path}")
        if self.edit is not None and config.sha256 != self.edit.before:
            return Fail(f"{self.path} was changed by somebody else (sha256 {config.sha256}); it was left alone")
        try:
            edit = self.edit or Edit.between(config.content, tuned(config.content, self.annotations, self.backend))
        except ValueError as error:
            return Fail(f"{config.real}: {error}")
        return Run(
            run(
                "replace",
                "replace.py",
                config.real,
                msgspec.json.encode(edit).decode(),
                self.backup,
                timeout_s=self.timeout_s,
                purpose=f"back up {config.real} and replace it",
            )
        )

    def _make_directory(self, backend: str) -> Command:
        return Command(
            key="backend",
            argv=("mkdir", "-p", "-m", "0755", "--", backend),
            timeout_s=round(self.timeout_s),
            purpose=f"make {backend}, where QEMU backs guest memory",
        )

    def undo(self) -> tuple[Step, ...]:
        """Nothing where the file came with the archive: it goes with it."""
        if self.edit is None or self.edit.before == self.edit.after:
            return ()
        return (Restore.of("tune", self.edit, self.path, self.backup, self.timeout_s),)


def lacking(config: KataConfig, annotations: tuple[str, ...], backend: str | None) -> tuple[str, ...]:
    """What a usable configuration does not have yet."""
    missing = [name for name in annotations if name not in config.enable_annotations]
    wrong = [f"file_mem_backend = {backend}"] if backend and config.file_mem_backend != backend else []
    return (*missing, *wrong)


def propose(s: Situation, *, installs: bool) -> Tune | None:
    """Raises CannotRepairError when the file cannot be edited safely."""
    node, kata = s.facts.on_node, s.settings.kata
    config = node.kata_config
    fresh = installs and not (config.present and node.kata_tree.version == (kata.archive and kata.archive.version))
    lack = [] if fresh else [*lacking(config, kata.enable_annotations, kata.file_mem_backend)]
    if kata.file_mem_backend and not config.backend_directory:
        lack.append(f"the directory {kata.file_mem_backend}")
    if not lack and not fresh and not s.documented:
        return None
    try:
        new = config.content if fresh else tuned(config.content, kata.enable_annotations, kata.file_mem_backend)
    except ValueError as error:
        raise CannotRepairError(
            Diagnosis(
                Family.KATA_CONFIG_INVALID,
                f"{PATH} on {s.target.name} cannot be edited safely: {error}",
                guidance=(f"set enable_annotations to include {', '.join(kata.enable_annotations)} by hand",),
            )
        ) from error
    why = "the stock file of the archive lacks what IMS jobs need" if fresh else f"it lacks {', '.join(lack)}"
    return Tune(
        path=PATH if fresh else config.real,
        annotations=kata.enable_annotations,
        backend=kata.file_mem_backend,
        edit=None if fresh else Edit.between(config.content, new),
        backup=f"{STATE}/backup/{s.incident}/configuration-qemu.toml",
        timeout_s=s.settings.ssh.command_timeout_s,
        why=why if lack or fresh else ALREADY,
    )


def _lack_of(config: KataConfig, step: Tune) -> tuple[str, ...]:
    return lacking(config, step.annotations, step.backend)


def _assignments(step: Tune) -> list[str]:
    rows = ["  [hypervisor.qemu]", f"+ enable_annotations: also {', '.join(step.annotations)}"]
    return rows + ([f'+ file_mem_backend = "{step.backend}"'] if step.backend else [])
