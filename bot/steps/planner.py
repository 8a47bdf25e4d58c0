"""The smallest plan that the facts ask for, or why there is none (design.md 4.1 hop 4, and 7).

Blockers come first; then every verb says whether it is needed; then the order of the design. A needed step
that the matched rules do not allow makes the whole plan a diagnosis: half a repair is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.facts import NodeFacts
from bot.core.marks import cordoned_by
from bot.core.model import Blocker, Diagnosis, Plan, TargetKind
from bot.core.names import canary_name
from bot.core.plan import digest
from bot.core.policy import Checked, before_steps, family_of, preflight
from bot.steps import (
    choose_install,
    close_records,
    configure,
    label,
    link,
    reconnect,
    restart,
    runtimeclass,
    tune,
    verify_daemonsets,
)
from bot.steps.configure import QEMU
from bot.steps.cordon import Cordon
from bot.steps.situation import CannotRepairError, Situation
from bot.steps.step import Step
from bot.steps.uncordon import Uncordon
from bot.steps.verify_canary import CleanUpCanary, VerifyCanary
from bot.steps.verify_rescued import VerifyRescued
from bot.steps.verify_sandbox import VerifySandbox

_UNLIKE_THE_PROCEDURE = (
    "every step of the procedure is planned; one whose end state is there already ends at once",
    "the label comes after the proof and not before the restart: an unproven node would attract more jobs",
    "cordoned and not drained: this restart keeps containers, and an eviction fails the hanging job for good",
    "unpacked beside /opt/kata from a pinned archive, not onto / from the Internet",
)
"""Said on the card with `plan: documented` (domain.md 8)."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """The facts ask for nothing; `evidence` says what is there."""

    evidence: str


def make_plan(s: Situation) -> Plan | Diagnosis | Nothing:
    """Raises UnknownFactError: nothing is decided on a fact that could not be read."""
    if s.target.kind is TargetKind.CHOOSE_NODE:
        raise ValueError("a node is chosen before anything is planned for it")
    on_node = s.target.kind is TargetKind.NODE
    checked = preflight(s.target, s.facts, s.settings) if on_node else Checked((), ())
    if checked.blockers:
        return _blocked(s, checked.blockers)
    try:
        steps, notes = _node_steps(s) if on_node else ([*runtimeclass.propose(s)], ())
    except CannotRepairError as error:
        return error.diagnosis
    if not steps:
        return Nothing(_evidence(s.facts.on_node) if on_node else f"the RuntimeClass {s.target.name} is there")
    changing = [step for step in steps if not step.reads_only]
    outside = [step for step in changing if step.verb not in s.ceiling]
    if outside:
        return _outside(s, outside)
    needs = before_steps([step.verb for step in changing], s.facts, s.settings)
    if needs.blockers:
        return _blocked(s, needs.blockers)
    return _plan(s, steps, notes, (*checked.not_checked, *needs.not_checked))


def needed(s: Situation) -> tuple[Step, ...]:
    """The changing steps that the facts of a node ask for, whatever is in their way. Raises CannotRepairError."""
    steps, _ = _node_steps(s)
    return tuple(step for step in steps if not step.reads_only)


def _node_steps(s: Situation) -> tuple[list[Step], tuple[str, ...]]:
    """Raises CannotRepairError."""
    configured = configure.propose(s)
    restarted = restart.propose(s, configured.step)
    stage, installed = choose_install.propose(s) or (None, None)
    linked = link.propose(s, installs=installed is not None, configures=configured.step is not None)
    tuned = tune.propose(s, installs=installed is not None)
    labelled = label.propose(s)
    on_disk: list[Step | None] = [installed, linked, tuned, configured.step]
    class_there = s.facts.cluster.runtime_class is not None
    created = None if class_there else runtimeclass.propose_missing(s, s.runtime_class)
    if not any([*on_disk, restarted, created, labelled]):
        return [], ()
    sandbox = _sandbox(s)
    unproven = labelled is not None and (any(on_disk) or sandbox is None)
    cordoned = restarted is not None or unproven
    order: list[Step | None] = [
        stage,
        _cordon(s) if cordoned else None,
        *on_disk,
        restarted,
        *(reconnect.propose(s) if restarted else ()),
        verify_daemonsets.propose(s) if restarted else None,
        sandbox,
        created,
        labelled,
        *_canary(s),
        _uncordon(s) if cordoned else None,
        _rescued(s),
        close_records.propose(s),
    ]
    return [step for step in order if step is not None], configured.notes


def _plan(s: Situation, steps: list[Step], notes: tuple[str, ...], not_checked: tuple[str, ...]) -> Plan:
    planned = tuple(step.planned() for step in steps)
    cluster_uid = s.facts.cluster.cluster_uid
    proves = any(isinstance(step, VerifyCanary) for step in steps)
    waived = s.settings.checks.waive.get("guest-kernel") if proves else None
    return Plan(
        target=s.target,
        cluster_uid=cluster_uid,
        steps=planned,
        digest=digest(cluster_uid, s.target, planned),
        families=s.families,
        disturbs=_disturbs(s, steps),
        not_checked=(*not_checked, *([f"guest-kernel: {waived}"] if waived else [])),
        notes=(*notes, *(_UNLIKE_THE_PROCEDURE if s.documented else ())),
    )


def _disturbs(s: Situation, steps: Iterable[Step]) -> tuple[str, ...]:
    lines = []
    for step in steps:
        match step:
            case Cordon(node=node):
                lines.append(f"{node} takes no new pods until the end")
            case restart.Restart():
                running = sum(pod.status.phase == "Running" for pod in s.facts.cluster.pods_on_node)
                pods = (
                    f"the {running} running pods of {s.target.name} keep"
                    if running > 1
                    else "what runs there keeps"
                )
                lines.append(f"containerd restarts; {pods} running")
            case _:
                pass
    return tuple(lines)


def _blocked(s: Situation, blockers: tuple[Blocker, ...]) -> Diagnosis:
    why = "; ".join(f"{blocker.check}: {blocker.why}" for blocker in blockers)
    return Diagnosis(
        family_of(blockers, s.families),
        f"{s.target.name} is not repaired: {why}",
        blockers=blockers,
        guidance=("clear what blocks, then ask again with `imsbot repair " + s.target.name + "`",),
    )


def _outside(s: Situation, outside: list[Step]) -> Diagnosis:
    titles = "; ".join(f"{step.verb}: {step.title} ({step.why})" for step in outside)
    allowed = ", ".join(sorted(s.ceiling)) or "nothing"
    seen = ", ".join(s.families) or "this repair"
    return Diagnosis(
        family_of((), s.families),
        f"{s.target.name} needs more than the rules allow for {seen}: {titles}",
        guidance=(f"the rules allow {allowed}; do the rest by hand, or widen the rule",),
    )


def _evidence(node: NodeFacts) -> str:
    tree = node.kata_tree.version or "of unknown version"
    return (
        f"nothing to repair on {node.host.hostname}: containerd serves {QEMU}, both shims resolve, Kata {tree} is "
        "complete and configured, and the node has the label"
    )


def _cordon(s: Situation) -> Cordon:
    return Cordon(
        node=s.target.name,
        node_uid=s.target.uid,
        incident=s.incident,
        why="no pod may land on the node while it is repaired and before it is proven",
    )


def _uncordon(s: Situation) -> Uncordon:
    node = s.facts.cluster.node
    ours = node is not None and cordoned_by(node) == s.incident
    why = "the cordon is this incident's" if ours else "the node is given back as it was found"
    return Uncordon(node=s.target.name, node_uid=s.target.uid, incident=s.incident, why=why)


def _sandbox(s: Situation) -> VerifySandbox | None:
    if not s.facts.on_node.tools.has("crictl"):
        return None
    return VerifySandbox(
        handler=QEMU,
        incident=s.incident,
        families=s.families,
        why="the cheapest proof, before the node is shown to the scheduler",
    )


def _canary(s: Situation) -> tuple[Step, Step]:
    canary = s.settings.canary
    pod = canary_name(s.incident)
    return (
        VerifyCanary(
            namespace=canary.namespace,
            pod=pod,
            node=s.target.name,
            host_kernel=s.facts.on_node.host.kernel,
            runtime_class=s.runtime_class,
            incident=s.incident,
            image=canary.image,
            image_pull_policy=canary.image_pull_policy,
            cpu=canary.cpu,
            memory=canary.memory,
            families=s.families,
            timeout_s=canary.timeout_s,
            same_kernel_ok="guest-kernel" in s.settings.checks.waive,
            why="only a real sandbox proves a node",
        ),
        CleanUpCanary(namespace=canary.namespace, pod=pod, why="the canary pod is ours"),
    )


def _rescued(s: Situation) -> VerifyRescued | None:
    if not s.facts.cluster.rescued and not s.facts.cluster.rescued_jobs:
        return None
    canary = s.settings.canary
    return VerifyRescued(
        families=s.families,
        timeout_s=canary.rescued_timeout_s,
        quiet_s=canary.quiet_window_s,
        why="the jobs that hang are what the repair is for",
    )
