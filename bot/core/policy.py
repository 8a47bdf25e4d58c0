"""Blockers: reasons why a node is not touched, each with a name and words (design.md 2).

They are asked before the question and again after the answer. A check that a site waives is not asked, and
the card says so; only those that `checks.waive` lists can be waived.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.core.claims import claims_on
from bot.core.facts import Facts, NodeFacts
from bot.core.kata import HANDLERS
from bot.core.marks import cordoned_by
from bot.core.model import Blocker, Family, Target, Verb
from bot.core.names import rollback_unit
from bot.core.objects import Node
from bot.core.settings import Settings

MACHINE = "x86_64"
"""All management NCNs are x86_64 (domain.md 1.3)."""

_FAMILY_OF_CHECK = {
    "kvm": Family.HYPERVISOR_UNSUPPORTED,
    "vsock": Family.HYPERVISOR_UNSUPPORTED,
    "containerd": Family.CONTAINERD_DOWN,
    "containerd-config": Family.CONTAINERD_CONFIG_BROKEN,
    "kata-config": Family.KATA_CONFIG_INVALID,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What a round of checks found."""

    blockers: tuple[Blocker, ...]
    not_checked: tuple[str, ...]
    """`<check>: <the site's reason>` for each waived one."""


def preflight(target: Target, facts: Facts, settings: Settings) -> Checked:
    """What must hold before anything is planned for a node, whatever the plan."""
    node = facts.cluster.node
    if node is None:
        return Checked((Blocker("node", f"there is no Node {target.name} in the cluster"),), ())
    found = [
        *_identity(node, target, facts, settings),
        *claims_on(node, facts.cluster.pods_on_node),
        *_other_incident(node, facts),
        *_other_rollback(node, facts, settings),
        *_cluster_state(node, facts),
        *_machine(facts.on_node),
        *_containerd(facts.on_node),
    ]
    return _waived(found, ("kvm", "vsock"), settings)


def before_steps(verbs: Iterable[Verb], facts: Facts, settings: Settings) -> Checked:
    """What the steps of one plan need besides."""
    wanted = frozenset(verbs)
    found: list[Blocker] = []
    waivable: tuple[str, ...] = ()
    if wanted & {Verb.INSTALL, Verb.LINK, Verb.CONFIGURE, Verb.TUNE, Verb.RESTART}:
        found += _tools(facts.on_node)
    if Verb.INSTALL in wanted:
        found += [*_install_tools(facts.on_node, settings), *_space(facts.on_node, settings)]
        waivable = ("space", "tools-rpm") if facts.on_node.kata_tree.kind != "absent" else ("space",)
    if Verb.CORDON in wanted:
        found += _other_workers(facts, settings)
    return _waived(found, waivable, settings)


def family_of(blockers: Iterable[Blocker], families: Iterable[Family]) -> Family:
    """Under which family a blocked repair is diagnosed: the check's own, else the one that was seen."""
    named = (_FAMILY_OF_CHECK.get(blocker.check) for blocker in blockers)
    return next((family for family in named if family), None) or next(iter(families), Family.AMBIGUOUS)


def _waived(found: Iterable[Blocker], waivable: Iterable[str], settings: Settings) -> Checked:
    waive: dict[str, str] = dict(settings.checks.waive.items())
    return Checked(
        blockers=tuple(b for b in found if b.check not in waive),
        not_checked=tuple(f"{name}: {waive[name]}" for name in waivable if name in waive),
    )


def _identity(node: Node, target: Target, facts: Facts, settings: Settings) -> Iterator[Blocker]:
    name = node.metadata.name
    if not re.search(settings.nodes.name_pattern, name):
        yield Blocker("worker", f"{name} does not match nodes.name_pattern ({settings.nodes.name_pattern})")
    if target.uid and target.uid != node.metadata.uid:
        yield Blocker("node", f"{name} is another Node object now (uid {node.metadata.uid}, was {target.uid})")
    if name == settings.nodes.own_node:
        yield Blocker("own-node", f"this bot runs on {name}; another instance must repair it")
    host = facts.on_node.host
    if host.short_name != name:
        yield Blocker("hostname", f"the machine that answers for {name} calls itself {host.hostname}")
    if host.machine != MACHINE:
        yield Blocker("architecture", f"{name} is {host.machine}; Kata is only installed on {MACHINE} workers")


def _other_incident(node: Node, facts: Facts) -> Iterator[Blocker]:
    owner = cordoned_by(node)
    if owner not in (None, facts.incident):
        yield Blocker("foreign-cordon", f"{node.metadata.name}: our incident {owner} cordoned it")


def _other_rollback(node: Node, facts: Facts, settings: Settings) -> Iterator[Blocker]:
    """Whatever the node is like now, that timer takes it back: left by a release, or by a bot that is gone."""
    name, within_s = node.metadata.name, settings.restart.rollback_s
    for rollback in facts.on_node.ours.rollbacks:
        if rollback.armed and rollback.incident != facts.incident:
            timer = f"{rollback_unit(rollback.incident)}.timer"
            yield Blocker(
                "rollback",
                f"{timer} is armed on {name} for our incident {rollback.incident}: within {within_s:g} s it puts "
                f"the old configuration back and restarts containerd. Look again after that, or end it there "
                f"with `systemctl stop {timer}`",
            )


def _cluster_state(node: Node, facts: Facts) -> Iterator[Blocker]:
    name = node.metadata.name
    if not node.ready:
        ready = node.status.condition("Ready")
        why = f"{ready.reason}: {ready.message}" if ready else "it has no condition Ready"
        yield Blocker("ready", f"{name} is not Ready ({why})")
    kata_class = facts.cluster.runtime_class
    if kata_class is not None and kata_class.handler not in HANDLERS:
        found, handler = kata_class.metadata.name, kata_class.handler
        yield Blocker("handler", f"RuntimeClass {found} has the handler {handler}, which is not ours")
    signs = [f"{path} ({who})" for who, path in facts.on_node.owners.signs]
    if signs:
        yield Blocker("other-owner", f"somebody else manages Kata or containerd on {name}: {', '.join(signs)}")


def _machine(node: NodeFacts) -> Iterator[Blocker]:
    if not node.virtualization.kvm_usable:
        cpu = "" if node.virtualization.cpu else "; the CPU flags name neither vmx nor svm"
        yield Blocker("kvm", f"/dev/kvm: {node.virtualization.kvm}{cpu}")
    if not node.virtualization.vsock_usable:
        yield Blocker("vsock", f"/dev/vhost-vsock: {node.virtualization.vsock}")
    if node.kata_config.error:
        yield Blocker("kata-config", node.kata_config.error)


def _containerd(node: NodeFacts) -> Iterator[Blocker]:
    unit = node.unit
    if not unit.loaded:
        yield Blocker("containerd", "there is no unit containerd.service")
    elif not unit.running:
        yield Blocker("containerd", f"containerd.service is {unit.active} ({unit.sub})")
    elif not node.serving:
        yield Blocker("containerd", f"containerd's CRI is not ready: {node.runtime.words}")
    elif node.dump.error:
        yield Blocker("containerd-config", f"containerd refuses {node.config_file.path}: {node.dump.error}")
    elif not node.config_file.present:
        yield Blocker(
            "containerd-config", f"{node.config_file.path} does not exist; containerd runs on built-in settings"
        )


def _tools(node: NodeFacts) -> Iterator[Blocker]:
    missing = [t for t in ("python3", "flock", "sha256sum", "systemctl", "systemd-run") if not node.tools.has(t)]
    if missing:
        yield Blocker("tools", f"the node lacks {', '.join(missing)}")
    if node.tools.python is not None and node.tools.python < (3, 6):
        yield Blocker("tools", f"python3 is {'.'.join(map(str, node.tools.python))}; 3.6 or later is needed")


def _install_tools(node: NodeFacts, settings: Settings) -> Iterator[Blocker]:
    packer = "zstd" if settings.kata.archive and settings.kata.archive.url.endswith(".zst") else "xz"
    missing = [tool for tool in ("curl", "tar", packer) if not node.tools.has(tool)]
    if missing:
        yield Blocker("tools", f"the node lacks {', '.join(missing)}, which the archive needs")
    if node.kata_tree.kind != "absent" and not node.tools.has("rpm"):
        yield Blocker(
            "tools-rpm", "the node has no rpm, so nobody can tell which files of /opt/kata a package owns"
        )


def _space(node: NodeFacts, settings: Settings) -> Iterator[Blocker]:
    kata = settings.kata
    archive_bytes = (
        kata.archive.size_bytes if kata.archive and kata.archive.size_bytes else kata.min_free_bytes // 4
    )
    for place, need_bytes in (("/opt", kata.min_free_bytes), ("/var/lib", archive_bytes)):
        room = node.space.at(place)
        if room.free_bytes < need_bytes:
            yield Blocker("space", f"{place} has {_gib(room.free_bytes)} free, {_gib(need_bytes)} are wanted")
        if room.free_inodes is not None and room.free_inodes < kata.min_free_inodes:
            yield Blocker(
                "space", f"{place} has {room.free_inodes} inodes free, {kata.min_free_inodes} are wanted"
            )
    if "noexec" in node.space.at("/opt").options:
        yield Blocker("noexec", "/opt is mounted noexec: nothing under /opt/kata could run")


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 1024**3:.1f} GiB"


def _other_workers(facts: Facts, settings: Settings) -> Iterator[Blocker]:
    node = facts.cluster.node
    others = [
        worker.metadata.name
        for worker in facts.cluster.workers
        if worker.ready and not worker.cordoned and (node is None or worker.metadata.uid != node.metadata.uid)
    ]
    if len(others) < settings.nodes.min_ready_workers:
        yield Blocker(
            "other-workers",
            f"only {len(others)} other workers are ready and schedulable ({', '.join(others) or 'none'}); "
            f"nodes.min_ready_workers wants {settings.nodes.min_ready_workers}",
        )
