"""What an Event, or a Pod's or Node's own status, says by its words alone: the hint that the join then checks.

Pure and without memory: the same record always gives the same classification. A forged or outdated text gets a
family too; whether that is true of the live objects is `bot/core/join.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.model import Family
from bot.core.moments import newest
from bot.core.objects import Condition, Event, Node, Pod
from bot.core.rules import Rule, RuleSet, Statement
from bot.core.wording import foreign_runtime

Record = Event | Pod | Node

SANDBOX_REASON = "FailedCreatePodSandBox"
"""The kubelet's reason for everything that happens before the first container (kata-failures.md 1)."""

_NOTHING = Statement("", "", "", "")


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that a record is about."""

    kind: str
    namespace: str
    name: str
    uid: str
    """Empty where the record does not say, as in events about Nodes."""
    host: str = ""
    """The node that the kubelet calls its own: a hint, `pod.spec.nodeName` decides."""
    pod: Pod | None = None
    """Set when the record is the Pod itself."""


@dataclass(frozen=True, slots=True)
class Classification:
    """The family that the words name, and what they say about it."""

    family: Family
    rule: Rule | None
    subject: Subject
    statement: Statement
    why: str
    at: datetime
    names: dict[str, str] = field(default_factory=dict)
    """What the words captured: `handler`, `runtime_class`, `shim`, `path`, `annotation`."""
    never_repaired: str | None = None
    """Why these words are only diagnosed, although their family can be repaired."""


def names_failure(record: Record, rules: RuleSet) -> bool:
    """Whether `classify` would find any family: all that is asked about nearly every record."""
    return any(rules.matches(statement) for statement in statements(record))


def classify(record: Record, rules: RuleSet) -> Classification:
    """The verdict of the words alone."""
    subject, at = _subject(record), newest(record)
    said = tuple(statements(record))
    found = [(statement, match) for statement in said for match in rules.matches(statement)]
    families = {match.rule.family for _, match in found}
    if not found:
        why = "no rule knows these words" if said else "it reports no failure"
        return Classification(Family.UNRELATED, None, subject, said[0] if said else _NOTHING, why, at)
    statement, match = found[0]
    if len(families) > 1:
        why = f"the words fit {' and '.join(sorted(families))} alike"
        return Classification(Family.AMBIGUOUS, rules.of(Family.AMBIGUOUS), subject, statement, why, at)
    rule, never = match.rule, match.wording.never_repaired or _foreign(statement)
    return Classification(rule.family, rule, subject, statement, rule.summary, at, match.names, never)


def _foreign(statement: Statement) -> str | None:
    runtime = foreign_runtime(statement.message)
    return None if runtime is None else f"these are {runtime}'s words; this procedure only knows containerd"


def statements(record: Record) -> Iterator[Statement]:
    """Each failure that the record speaks of, in its own words."""
    match record:
        case Event():
            yield from _of_event(record)
        case Pod():
            yield from _of_pod(record)
        case Node():
            yield from _of_node(record)


def _of_event(event: Event) -> Iterator[Statement]:
    if event.type != "Normal" and event.message:
        component = (event.source.component if event.source else "") or event.reporting_component or ""
        yield Statement(event.involved_object.kind, event.reason or "", component, event.message)


def _of_pod(pod: Pod) -> Iterator[Statement]:
    scheduled = pod.status.condition("PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        yield from _spoken("Pod", scheduled.reason, scheduled.message)
    for container in pod.status.all_containers:
        if container.state and (waiting := container.state.waiting):
            yield from _spoken("Pod", waiting.reason, waiting.message)
    if pod.status.phase == "Failed":
        yield from _spoken("Pod", pod.status.reason, pod.status.message)


def _of_node(node: Node) -> Iterator[Statement]:
    for condition in node.status.conditions or ():
        if _is_bad(condition):
            yield from _spoken("Node", condition.reason, condition.message)


def _is_bad(condition: Condition) -> bool:
    """Of all conditions of a Node only Ready is good news when True."""
    return condition.status != "True" if condition.type == "Ready" else condition.status == "True"


def _spoken(kind: str, reason: str | None, message: str | None) -> Iterator[Statement]:
    if message:
        yield Statement(kind, reason or "", "", message)


def _subject(record: Record) -> Subject:
    meta = record.metadata
    match record:
        case Pod():
            return Subject("Pod", meta.namespace, meta.name, meta.uid, pod=record)
        case Node():
            return Subject("Node", "", meta.name, meta.uid, host=meta.name)
        case Event():
            return _subject_of_event(record)


def _subject_of_event(event: Event) -> Subject:
    about = event.involved_object
    # kubelets before 1.28 do not fill the reporting fields, and the scheduler's instance is not the pod's node
    host = event.source.host if event.source else ""
    if not host and event.reporting_component == "kubelet":
        host = event.reporting_instance or ""
    if about.kind == "Node":
        return Subject("Node", "", about.name, "", host=about.name)
    return Subject(about.kind, about.namespace or event.metadata.namespace, about.name, about.uid, host)
