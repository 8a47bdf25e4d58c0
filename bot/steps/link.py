"""Link both shims into containerd's PATH.

containerd looks a shim up each time a sandbox starts and caches only hits, so no restart is needed
(kata-failures.md 7). What works is left alone, be it a link of the site or a wrapper.
"""

from typing import Any, ClassVar

from bot.core.action import Action, Done, Fail, Run
from bot.core.facts import Facts
from bot.core.facts.kata_tree import SHIM as TARGET
from bot.core.facts.ours import STATE
from bot.core.facts.shims import NAMES, PLACE
from bot.core.model import Verb
from bot.steps.program import run
from bot.steps.situation import Situation
from bot.steps.step import ALREADY, Step, failed, succeeded

QEMU_SHIM = "containerd-shim-kata-qemu-v2"


class Link(Step, frozen=True, kw_only=True, tag="link"):
    verb: ClassVar[Verb] = Verb.LINK

    names: tuple[str, ...]
    noted: str
    """Where it is noted what was there before."""
    timeout_s: float

    @property
    def title(self) -> str:
        return f"link {' and '.join(self.names)} to {TARGET}"

    @property
    def detail(self) -> tuple[str, ...]:
        return tuple(f"ln -s {TARGET} {PLACE}/{name}" for name in self.names)

    @property
    def desired(self) -> dict[str, Any]:
        return {"links": sorted(self.names), "target": TARGET}

    def next(self, facts: Facts) -> Action:
        node = facts.on_node
        broken = [name for name in self.names if name in node.shims.broken]
        if not broken:
            return Done(f"{', '.join(self.names)} lead to an executable")
        if not node.kata_tree.shim:
            return Fail(f"{TARGET} is no executable file, so there is nothing to link to")
        if failure := failed(facts, "link"):
            return failure
        if succeeded(facts, "link"):
            return Fail(f"{', '.join(broken)} were linked, and containerd would still not find them")
        return Run(
            run(
                "link",
                "link.py",
                PLACE,
                TARGET,
                self.noted,
                *self.names,
                timeout_s=self.timeout_s,
                purpose=self.title,
            )
        )

    def undo(self) -> tuple[Step, ...]:
        return (Unlink(noted=self.noted, timeout_s=self.timeout_s, why="the repair is undone"),)


class Unlink(Step, frozen=True, kw_only=True, tag="undo-link"):
    """Give back what our links replaced."""

    verb: ClassVar[Verb] = Verb.LINK

    noted: str
    timeout_s: float

    @property
    def title(self) -> str:
        return f"give back the shim names in {PLACE} as they were"

    @property
    def desired(self) -> dict[str, Any]:
        return {"links": "as before"}

    def next(self, facts: Facts) -> Action:
        if succeeded(facts, "unlink") or self.noted not in facts.on_node.ours.backups:
            return Done("the shim names are as they were")
        return failed(facts, "unlink") or Run(
            run("unlink", "unlink.py", TARGET, self.noted, timeout_s=self.timeout_s, purpose=self.title)
        )


def propose(s: Situation, *, installs: bool, configures: bool) -> Link | None:
    """`kata` alone asks for nothing: IMS uses `kata-qemu`, and CSM's own image links no other (domain.md 2.2).

    Where handlers are added, both shims must be there. A link that only waits for the installation is right.
    """
    shims = s.facts.on_node.shims
    broken = tuple(name for name in shims.broken if not (installs and shims.found[name].target == TARGET))
    wanted = QEMU_SHIM in broken or (configures and bool(broken))
    if not wanted and not s.documented:
        return None
    return Link(
        names=broken or NAMES,
        noted=f"{STATE}/backup/{s.incident}/links",
        timeout_s=s.settings.ssh.command_timeout_s,
        why=f"containerd finds no executable {' and no '.join(broken)}" if broken else ALREADY,
    )
