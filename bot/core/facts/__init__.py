"""What is known about a target before a decision: one file per fact, each with its command and a pure parser.

All facts of a node come from one SSH exec (`frame`), those of the API from `cluster`. A fact that could not
be read raises UnknownFactError naming the fact and the node's words: unknown is not absent (design.md
invariant 8).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.core.action import Outcome
from bot.core.containerd.compare import handlers
from bot.core.errors import UnknownFactError
from bot.core.facts import (
    config_file,
    dump,
    host,
    kata_config,
    kata_tree,
    ours,
    owners,
    packages,
    processes,
    runtime,
    shims,
    sockets,
    space,
    tools,
    unit,
    virtualization,
)
from bot.core.facts.cluster import ClusterFacts
from bot.core.facts.frame import parse_frames, render_script
from bot.core.model import Family, IncidentId
from bot.core.objects import Event
from bot.core.settings import Settings

FACTS = (
    host,
    virtualization,
    tools,
    space,
    config_file,  # before `unit`: see `started_since_change`
    unit,
    dump,
    runtime,
    kata_tree,
    kata_config,
    shims,
    processes,
    sockets,
    packages,
    ours,
    owners,
)

Classify = Callable[[Event], Family]
"""The rules' verdict on an Event's text; how a verification knows the failure that it looks for."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One round of facts of one node."""

    host: host.Host
    virtualization: virtualization.Virtualization
    tools: tools.Tools
    space: space.Space
    unit: unit.Unit
    config_file: config_file.ConfigFile
    dump: dump.Dump
    runtime: runtime.Runtime
    kata_tree: kata_tree.KataTree
    kata_config: kata_config.KataConfig
    shims: shims.Shims
    processes: processes.Processes
    sockets: sockets.Sockets
    packages: packages.Packages
    ours: ours.Ours
    owners: owners.Owners

    @property
    def live_handlers(self) -> frozenset[str]:
        """Runtime handlers of the *running* containerd.

        Without crictl: those of its configuration when it started after the file's last change, else none, because
        which ones it loaded is then not to be seen from outside.
        """
        if self.runtime.crictl:
            return self.runtime.handlers
        known = self.started_since_change and not self.dump.error
        return frozenset(handlers(self.dump.text)) if known else frozenset()

    @property
    def started_since_change(self) -> bool:
        """containerd became active after the configuration's last change, so it has read it.

        Two clocks, two moments: the file's age is read first, so a start in between never counts as later.
        """
        return self.unit.age_s is not None and self.unit.age_s <= self.config_file.age_s

    @property
    def kata_missing(self) -> tuple[str, ...]:
        """Files of the installation that Kata needs and that are missing or not executable."""
        shim = () if self.kata_tree.shim else (kata_tree.SHIM,)
        config = () if self.kata_config.present else (kata_config.PATH,)
        return (*shim, *config, *self.kata_config.missing)

    @property
    def kata_complete(self) -> bool:
        return not self.kata_missing and self.kata_config.error is None

    @property
    def serving(self) -> bool:
        """containerd is up and, as far as crictl can say, its CRI plugin is ready."""
        return self.unit.running and (self.runtime.ready or not self.runtime.crictl)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a step is asked with."""

    now: datetime
    began: datetime
    """When this step began, so that its deadlines survive a restart of the bot."""
    incident: IncidentId
    node: NodeFacts | None
    """`None` when the step said that it does not need the node."""
    cluster: ClusterFacts
    outcomes: Mapping[str, Outcome]
    """Of this very step: the latest outcome of each command (by its key) and change (by its tag)."""
    classify: Classify
    acted: datetime | None = None
    """When this very step announced its latest act."""
    heard: datetime | None = None
    """`ClusterFacts.heard` when this step began; `None` where it was not read then."""

    @property
    def on_node(self) -> NodeFacts:
        """Raises UnknownFactError when this round did not read the node."""
        if self.node is None:
            raise UnknownFactError("the node's facts were not read in this round")
        return self.node


def node_script(settings: Settings) -> str:
    """The script of one round: read-only, one exec, nothing of it comes from the cluster."""
    variables = {"backend": settings.kata.file_mem_backend or ""}
    return render_script(variables, unit.PRELUDE, [(fact.NAME, fact.COMMAND) for fact in FACTS])


def parse_node(raw: bytes) -> NodeFacts:
    """Raises UnknownFactError."""
    frames = parse_frames(raw)
    missing = [fact.NAME for fact in FACTS if fact.NAME not in frames]
    if missing:
        raise UnknownFactError(f"the node did not report the facts {', '.join(missing)}")
    return NodeFacts(**{fact.NAME: fact.parse(frames[fact.NAME]) for fact in FACTS})
