"""Restart containerd so that it loads the handlers, with a way back that the node finds by itself.

The order is arm, restart, look, disarm. A timer on the node restores the configuration and restarts once
more unless it is disarmed, so a node that we can no longer reach heals itself. Whatever crashes in between,
the facts tell where it stands: handlers live or not, timer armed, fired or gone.
"""

from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, ClassVar

from bot.core.action import Action, Command, Done, Fail, Run, Wait
from bot.core.containerd.compare import handlers
from bot.core.facts import Facts, NodeFacts
from bot.core.facts.ours import STATE
from bot.core.facts.unit import UNIT
from bot.core.model import Disruption, Verb
from bot.core.names import rollback_unit
from bot.steps.configure import KATA, QEMU, Configure
from bot.steps.program import run, source
from bot.steps.restart_kills import diagnose_kill
from bot.steps.situation import CannotRepairError, Situation
from bot.steps.step import ALREADY, Step, failed, succeeded

_SHORT_S = 30
"""For arming and disarming: a few calls of systemctl."""

_MARGIN_S = 10
"""We give up this long before the node would, so that its timer and our undo do not meet."""


class Restart(Step, frozen=True, kw_only=True, tag="restart"):
    verb: ClassVar[Verb] = Verb.RESTART
    disruption: ClassVar[Disruption] = Disruption.RESTART_KEEPS
    whole: ClassVar[bool] = True
    """Between arming and disarming the node acts by itself, whoever stops."""

    incident: str
    handlers: tuple[str, ...]
    """What the running containerd must have loaded afterwards."""
    path: str
    before: str
    """sha256 of the configuration that the rollback brings back."""
    after: str
    """sha256 of the configuration that is loaded; equal to `before` when only the restart was missing."""
    backup: str
    rollback_s: float
    healthy_s: float
    brought: tuple[str, ...] = ()
    """Those of `handlers` that only the edit gives: the configuration of before does not have them."""

    @property
    def title(self) -> str:
        return "restart containerd"

    @property
    def detail(self) -> tuple[str, ...]:
        return (
            f"arm {rollback_unit(self.incident)}: {self.path} comes back in {self.rollback_s:g} s unless disarmed",
            f"systemctl restart {UNIT}",
            f"wait up to {self.healthy_s:g} s for CRI and the handlers {', '.join(self.handlers)}",
            "disarm the rollback",
        )

    @property
    def desired(self) -> dict[str, Any]:
        return {"unit": UNIT, "handlers": list(self.handlers)}

    def next(self, facts: Facts) -> Action:
        node = facts.on_node
        rollback = node.ours.rollback(self.incident)
        if rollback is not None and rollback.fired:
            return Fail(
                "containerd was not healthy in time, and the node went back to the old configuration itself"
            )
        if self._live(facts, node):
            if rollback is not None:
                return failed(facts, "disarm") or Run(disarm(self.incident))
            return Done(f"containerd serves {', '.join(self.handlers)}")
        if failure := failed(facts, "arm") or failed(facts, "restart"):
            return failure
        if succeeded(facts, "restart"):
            return self._wait(facts, node)
        if rollback is not None and rollback.armed:
            return Run(self._restart())
        if succeeded(facts, "arm"):
            return Fail("the rollback was armed and is gone; containerd was not restarted without it")
        return Run(self._arm())

    def _live(self, facts: Facts, node: NodeFacts) -> bool:
        """A handler that was live before says nothing about a key that it got since."""
        edited = self.before != self.after
        loaded = not edited or succeeded(facts, "restart") or node.started_since_change
        return loaded and node.serving and node.live_handlers >= frozenset(self.handlers)

    def _wait(self, facts: Facts, node: NodeFacts) -> Action:
        until = healthy_until(facts, self.healthy_s, self.rollback_s)
        state = f"containerd is {node.unit.active} ({node.unit.sub}){_words(node)}"
        if facts.now >= until:
            return Fail(f"not healthy within {self.healthy_s:g} s of the restart: {state}")
        return Wait(until, state, poll_s=1.0)

    def _arm(self) -> Command:
        return run(
            "arm",
            "arm.sh",
            _directory(self.incident),
            rollback_unit(self.incident),
            str(round(self.rollback_s)),
            self.path,
            self.after,
            self.before,
            self.backup,
            UNIT,
            source("rollback.sh"),
            timeout_s=_SHORT_S,
            purpose=f"arm the node's own way back in {self.rollback_s:g} s",
        )

    def _restart(self) -> Command:
        return restart_command(f"{rollback_unit(self.incident)}.timer", self.healthy_s)

    def undo(self) -> tuple[Step, ...]:
        return (
            RestartBack(
                incident=self.incident,
                gone=self.brought,
                edited=self.before != self.after,
                healthy_s=self.healthy_s,
                why="containerd must run on the restored configuration",
            ),
        )


class RestartBack(Step, frozen=True, kw_only=True, tag="undo-restart"):
    """Bring containerd back on the restored configuration, and clear the rollback away."""

    verb: ClassVar[Verb] = Verb.RESTART
    disruption: ClassVar[Disruption] = Disruption.RESTART_KEEPS

    incident: str
    gone: tuple[str, ...]
    """Handlers that must no longer be loaded. One that was there before us stays, and says nothing."""
    healthy_s: float
    edited: bool = False
    """The file was changed and put back: containerd must not run on what it was in between."""

    @property
    def title(self) -> str:
        return "restart containerd on the configuration of before"

    @property
    def desired(self) -> dict[str, Any]:
        return {"unit": UNIT, "gone": list(self.gone)}

    def next(self, facts: Facts) -> Action:
        node = facts.on_node
        if node.serving and self._is_back(facts, node):
            if node.ours.rollback(self.incident) is not None:
                return failed(facts, "disarm") or Run(disarm(self.incident, forget=True))
            return Done("containerd serves as before")
        if failure := failed(facts, "restart"):
            return failure
        if not succeeded(facts, "restart"):
            return Run(restart_command("", self.healthy_s))
        until = healthy_until(facts, self.healthy_s)
        if facts.now >= until:
            return Fail(f"containerd is {node.unit.active} ({node.unit.sub}) after its restart{_words(node)}")
        return Wait(until, "containerd comes back", poll_s=1.0)

    def _is_back(self, facts: Facts, node: NodeFacts) -> bool:
        """Where no handler is to go, or none can be seen, only a start tells which file containerd has read."""
        told = not self.edited or (bool(self.gone) and node.runtime.crictl)
        loaded = told or succeeded(facts, "restart") or node.started_since_change
        return loaded and not node.live_handlers & frozenset(self.gone)


def restart_command(timer: str, healthy_s: float) -> Command:
    """`timer` must be armed; empty for none."""
    return run(
        "restart",
        "restart.sh",
        UNIT,
        timer,
        timeout_s=healthy_s + _SHORT_S,
        purpose=f"systemctl restart {UNIT}",
    )


def disarm(incident: str, *, forget: bool = False) -> Command:
    """`forget` clears a rollback that has fired, too."""
    return run(
        "disarm",
        "disarm.sh",
        _directory(incident),
        rollback_unit(incident),
        "forget" if forget else "",
        timeout_s=_SHORT_S,
        purpose="disarm the rollback",
    )


def healthy_until(facts: Facts, healthy_s: float, rollback_s: float | None = None) -> datetime:
    """When to give up on a restart: counted from the step's beginning, and before the node's own timer fires."""
    patience_s = healthy_s + 2 * _SHORT_S
    if rollback_s is not None:
        patience_s = min(patience_s, max(1.0, rollback_s - _MARGIN_S))
    return facts.began + timedelta(seconds=patience_s)


def _directory(incident: str) -> str:
    return f"{STATE}/rollback/{incident}"


def _words(node: NodeFacts) -> str:
    return f": {node.runtime.words}" if node.runtime.words else ""


def propose(s: Situation, configure: Configure | None) -> Restart | None:
    """Raises CannotRepairError when a restart is needed and would kill the node's containers."""
    node = s.facts.on_node
    edited = configure is not None and configure.edit.before != configure.edit.after
    live = QEMU in node.live_handlers
    if live and not edited and not s.documented:
        return None
    why = "containerd reads its configuration only when it starts" if edited else _not_loaded(live)
    if (not live or edited) and (kills := node.unit.why_restart_kills):
        raise CannotRepairError(diagnose_kill(s, kills))
    now = node.config_file.sha256
    served = frozenset(handlers(node.dump.text))
    return Restart(
        incident=s.incident,
        handlers=(KATA, QEMU) if edited else (QEMU,),
        path=node.config_file.real,
        before=now,
        after=configure.edit.after if configure is not None else now,
        backup=s.backup_of(PurePosixPath(node.config_file.real).name, now),
        rollback_s=s.settings.restart.rollback_s,
        healthy_s=s.settings.restart.healthy_s,
        brought=tuple(name for name in (KATA, QEMU) if edited and name not in served),
        why=why,
    )


def _not_loaded(live: bool) -> str:
    return ALREADY if live else f"the running containerd has not loaded {QEMU}, though its configuration has it"
