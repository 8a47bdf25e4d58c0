"""Whether a classification is true of the live objects, what a repair would touch, and whether one may be asked.

Three answers are kept apart. A *contradiction* makes it `unrelated`: the objects say something else than the words
(`bot/core/contradictions.py`). A *doubt* leaves the family and forbids the repair: what would prove it is not
known, or it is too late. A *blocker* is somebody else's claim, or something that the procedure cannot do.

Required to be repairable is the very object that hangs, by uid. A Node or RuntimeClass that nobody has shown
neither contradicts nor blocks, except where the family is a statement about all of them (no node has the label);
they are read live before any repair. Pure; the same function serves the watch's cache and `imsbot explain`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.core.claims import claims_on, owners_in
from bot.core.classify import Classification
from bot.core.contradictions import contradiction, own_cordon
from bot.core.eligible import allowed_nowhere, not_a_worker
from bot.core.kata import JoinPolicy
from bot.core.model import Blocker, Family, Scope, Target, TargetKind
from bot.core.objects import Job, Node, Pod, RuntimeClass
from bot.core.pods import is_live
from bot.core.rules import Rule
from bot.core.world import Missing, World

_MANAGED = ("/opt/kata/", "/usr/local/bin/")
"""Where install and link put files; one elsewhere belongs to the site or to a package."""

_ENDING = frozenset({"Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"})
"""A Job with one of these conditions makes no more pods (batch/v1)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is true after the join."""

    family: Family
    rule: Rule | None
    """The rule whose words matched, also when the objects contradict it."""
    scope: Scope | None
    node: str | None
    """The node that would be repaired; `None` for cluster and choose-node, also when the words name one."""
    target: Target | None
    """`None` for `unrelated`, and while the Node's uid or the RuntimeClass's name is not known."""
    confirmed: bool
    """The very object is known, waits, and agrees: fit to open an incident, if only to diagnose."""
    repairable: bool
    why: str
    blockers: tuple[Blocker, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    """A classification that nothing contradicts, beside the object that it is about."""

    seen: Classification
    thing: Pod | Job | None
    scope: Scope
    world: World
    policy: JoinPolicy

    @property
    def node(self) -> str | None:
        """`pod.spec.nodeName` decides; what the kubelet says of itself only where the pod is not known."""
        if self.scope is not Scope.NODE:
            return None
        if isinstance(self.thing, Pod):
            return self.thing.spec.node_name or None
        return self.seen.subject.host or None

    @property
    def nodes(self) -> tuple[Node, ...]:
        nodes = self.world.nodes()
        return () if isinstance(nodes, Missing) else tuple(nodes)


def join(seen: Classification, world: World, policy: JoinPolicy) -> Verdict:
    """The verdict on one record, given what the world knows now."""
    if seen.family is Family.UNRELATED:
        return _unrelated(seen, own_cordon(seen, world) or seen.why)
    thing, unproven = _find(seen, world)
    if (against := contradiction(seen, thing, world, policy)) is not None:
        return _unrelated(seen, against)
    case = _Case(seen, thing, seen.rule.scope if seen.rule else Scope.NODE, world, policy)
    doubt = unproven or next(_doubts(case), None)
    repairs = seen.rule is not None and seen.rule.repairs
    blockers = tuple(_blockers(case)) if repairs else ()
    return Verdict(
        family=seen.family,
        rule=seen.rule,
        scope=case.scope,
        node=case.node,
        target=_target(case),
        confirmed=doubt is None,
        repairable=repairs and doubt is None and not blockers,
        why=_why(seen, doubt, blockers, repairs=repairs),
        blockers=blockers,
    )


def runtime_class_of(thing: Pod | Job | None) -> str:
    """Name of the class that the pod, or the pods of the Job, ask for; or empty."""
    match thing:
        case Pod():
            return thing.spec.runtime_class_name or ""
        case Job():
            return thing.spec.template.spec.runtime_class_name or ""
        case None:
            return ""


def _unrelated(seen: Classification, why: str) -> Verdict:
    return Verdict(Family.UNRELATED, seen.rule, None, None, None, confirmed=False, repairable=False, why=why)


def _find(seen: Classification, world: World) -> tuple[Pod | Job | None, str | None]:
    """The object that the words are about; else, or beside it, why it proves nothing."""
    subject = seen.subject
    known: Pod | Job | Missing
    match subject.kind:
        case "Pod":
            known = world.pod(subject.namespace, subject.name)
            if known is Missing.UNKNOWN and subject.pod is not None:
                known = subject.pod
        case "Job":
            known = world.job(subject.namespace, subject.name)
        case "Node":
            here = world.node(subject.name)
            return None, None if isinstance(here, Node) else f"the Node {subject.name} is not known"
        case _:
            return None, f"a {subject.kind} is not an IMS job"
    what = f"the {subject.kind} {subject.name}"
    if isinstance(known, Missing):
        return None, f"{what} is {'gone' if known is Missing.ABSENT else 'not known'}"
    if not subject.uid:
        return known, f"the words do not say by uid which {subject.kind} they mean"
    if subject.uid != known.metadata.uid:
        return None, f"{what} is another one now (uid {known.metadata.uid or 'unknown'})"
    return known, None


def _doubts(case: _Case) -> Iterator[str]:
    match case.thing:
        case Pod() as pod:
            yield from _of_pod(pod)
        case Job() as job:
            yield from _of_job(job)
        case None:
            pass
    if case.scope is Scope.NODE:
        yield from _of_node(case)
    elif case.scope is Scope.CHOOSE_NODE:
        yield from _of_choice(case)


def _of_pod(pod: Pod) -> Iterator[str]:
    if pod.metadata.deletion_timestamp is not None:
        yield "the pod is being deleted"
    elif not is_live(pod):
        yield f"the pod's phase is {pod.status.phase or 'not known'}"


def _of_job(job: Job) -> Iterator[str]:
    if job.metadata.deletion_timestamp is not None:
        yield "the Job is being deleted"
    ending = [c.type for c in job.status.conditions or () if c.type in _ENDING and c.status == "True"]
    if ending or job.status.completion_time is not None:
        yield f"the Job has ended ({', '.join(ending) or 'completionTime'})"


def _of_node(case: _Case) -> Iterator[str]:
    host, name = case.seen.subject.host, case.node
    if name is None:
        yield "no node is named"
        return
    if host and host != name:
        yield f"the kubelet of {host} speaks of a pod on {name}"
    handler, here = case.seen.names.get("handler"), case.world.node(name)
    if handler is not None and isinstance(here, Node) and here.advertises(handler):
        yield f"{name} reports the handler {handler} by now"


def _of_choice(case: _Case) -> Iterator[str]:
    """This family is about all nodes and one RuntimeClass, so both must be known."""
    name = runtime_class_of(case.thing)
    if not isinstance(case.world.runtime_class(name), RuntimeClass):
        yield f"the RuntimeClass {name or '(none)'} is not known, so neither is its selector"
    if isinstance(case.world.nodes(), Missing):
        yield "no Node is known, so neither is who has the label"


def _blockers(case: _Case) -> Iterator[Blocker]:
    yield from _of_words(case)
    pods, node = case.world.installers(), case.node
    if case.scope is Scope.CLUSTER:
        yield from owners_in(case.nodes, pods)
    elif case.scope is Scope.CHOOSE_NODE and isinstance(case.thing, Pod):
        yield from allowed_nowhere(case.thing, case.nodes, pods, case.policy)
    elif node is not None:
        yield from not_a_worker(node, case.policy)
        here = case.world.node(node)
        if isinstance(here, Node):
            yield from claims_on(here, pods)
        elif here is Missing.ABSENT:
            yield Blocker("node", f"there is no Node {node} in the cluster")


def _of_words(case: _Case) -> Iterator[Blocker]:
    names = case.seen.names
    if case.seen.never_repaired is not None:
        yield Blocker("wording", case.seen.never_repaired)
    path = names.get("path")
    if path is not None and not path.startswith(_MANAGED):
        yield Blocker("path", f"{path} is not a file that this procedure installs")
    annotation = names.get("annotation")
    if annotation is not None and annotation.rpartition(".")[2] not in case.policy.annotations:
        yield Blocker("annotation", f"{annotation} is not one that kata.enable_annotations allows")


def _target(case: _Case) -> Target | None:
    if case.scope is Scope.NODE:
        here = case.world.node(case.node) if case.node else Missing.UNKNOWN
        return Target(TargetKind.NODE, here.metadata.name, here.metadata.uid) if isinstance(here, Node) else None
    name = case.seen.names.get("runtime_class") or runtime_class_of(case.thing)
    kind = TargetKind.RUNTIMECLASS if case.scope is Scope.CLUSTER else TargetKind.CHOOSE_NODE
    return Target(kind, name) if name else None


def _why(seen: Classification, doubt: str | None, blockers: tuple[Blocker, ...], *, repairs: bool) -> str:
    if not repairs:
        return f"{seen.why}; {doubt or 'this is diagnosed, never repaired'}"
    reasons = [doubt] if doubt else [blocker.why for blocker in blockers]
    if reasons:
        return f"{seen.why}; not repaired: {'; '.join(reasons)}"
    return f"{seen.why}; the live {seen.subject.kind} {seen.subject.name} agrees"
