"""What live objects can say against a text: then it is nobody's failure, whoever wrote it.

Each function answers with the contradiction in words, or `None`. An object that is not known says nothing.
"""

import re

from bot.core.classify import SANDBOX_REASON, Classification
from bot.core.eligible import fits_nowhere, labelled_nodes
from bot.core.ims import is_ims_job, is_ims_pod, remote_build_node
from bot.core.kata import HANDLERS, JoinPolicy, foreign_class, foreign_shim
from bot.core.marks import cordoned_by
from bot.core.model import Family
from bot.core.objects import KATA_LABEL, Job, Pod, PodSpec, RuntimeClass
from bot.core.pods import has_sandbox
from bot.core.world import Missing, World

_AFTER_AFFINITY = re.compile(
    r"\d{1,6} (?:Insufficient|Too many pods|node\(s\) (?:didn't have free ports|had volume))"
)
"""Filters that the scheduler runs after the selector, from 1.21 on: who fails one of them has passed it."""


def contradiction(seen: Classification, thing: Pod | Job | None, world: World, policy: JoinPolicy) -> str | None:
    """The first thing that speaks against the words; `thing` is the object they are about, if it is known."""
    subject = seen.subject
    if subject.kind == "Node":
        return None
    if subject.namespace and subject.namespace not in policy.namespaces:
        return f"{subject.namespace} is not a namespace of IMS jobs"
    return (
        _foreign_words(seen, world)
        or (_of_thing(seen, thing, world, policy) if thing is not None else None)
        or (_of_label(seen, thing, world) if seen.family is Family.UNSCHEDULABLE_LABEL else None)
    )


def own_cordon(seen: Classification, world: World) -> str | None:
    """In words, when the scheduler turned the pod away from a node that one of our own incidents cordoned."""
    if seen.statement.reason not in ("FailedScheduling", "Unschedulable"):
        return None
    nodes = world.nodes()
    if "were unschedulable" not in seen.statement.message or isinstance(nodes, Missing):
        return None
    return next(
        (
            f"{node.metadata.name} is cordoned by our own incident {incident}, and only until that ends"
            for node in nodes
            if (incident := cordoned_by(node)) is not None
        ),
        None,
    )


def _foreign_words(seen: Classification, world: World) -> str | None:
    names = seen.names
    if (named := names.get("runtime_class")) is not None:
        if isinstance(world.runtime_class(named), RuntimeClass):
            return f"the RuntimeClass {named} is there after all"
        if named not in HANDLERS:
            return f"the runtime class {named} is not one of ours"
    if (handler := names.get("handler")) is not None and handler not in HANDLERS:
        return f"the handler {handler} is not one of ours"
    return next((why for key in ("shim", "path") if (why := foreign_shim(names.get(key, "")))), None)


def _of_thing(seen: Classification, thing: Pod | Job, world: World, policy: JoinPolicy) -> str | None:
    if isinstance(thing, Pod):
        spec, ours = thing.spec, is_ims_pod(thing, policy.namespaces)
    else:
        spec, ours = thing.spec.template.spec, is_ims_job(thing, policy.namespaces)
    if not ours:
        return f"{thing.metadata.name} does not belong to an IMS job"
    if (compute := remote_build_node(spec.all_containers)) is not None:
        return f"it is built on {compute}, without Kata"
    return _of_class(seen, spec, world) or (_of_stage(seen, thing) if isinstance(thing, Pod) else None)


def _of_class(seen: Classification, spec: PodSpec, world: World) -> str | None:
    name = spec.runtime_class_name
    if not name:
        return "it has no runtime class, so Kata is not involved"
    if (foreign := foreign_class(name, world)) is not None:
        return foreign
    named = seen.names.get("runtime_class")
    if named is not None and named != name:
        return f"its runtime class is {name}, not {named}"
    known, handler = world.runtime_class(name), seen.names.get("handler")
    if isinstance(known, RuntimeClass) and handler is not None and handler != known.handler:
        return f"RuntimeClass {name} uses the handler {known.handler}, not {handler}"
    return None


def _of_stage(seen: Classification, pod: Pod) -> str | None:
    unscheduled = seen.family is Family.UNSCHEDULABLE_LABEL
    if (unscheduled or seen.statement.reason == SANDBOX_REASON) and has_sandbox(pod):
        return f"the pod has started already ({pod.status.phase})"
    if unscheduled and pod.spec.node_name:
        return f"the pod has a node already ({pod.spec.node_name})"
    return None


def _of_label(seen: Classification, thing: Pod | Job | None, world: World) -> str | None:
    nodes = world.nodes()
    if isinstance(nodes, Missing):
        if _AFTER_AFFINITY.search(seen.statement.message.partition("preemption: ")[0]):
            return "a node passed the selector and failed a later check, so the label is not what is missing"
    elif labelled := labelled_nodes(nodes):
        names = ", ".join(node.metadata.name for node in labelled)
        return own_cordon(seen, world) or f"{names} has the label, so it is room or another selector"
    if not isinstance(thing, Pod):
        return None
    if (why := _of_selector(thing, world)) is not None or isinstance(nodes, Missing):
        return why
    if (misfits := fits_nowhere(thing, nodes)) is not None:
        return f"no node would fit with the label either: {'; '.join(misfits) or 'there is no node'}"
    return None


def _of_selector(pod: Pod, world: World) -> str | None:
    name = pod.spec.runtime_class_name or ""
    known = world.runtime_class(name)
    if known is Missing.ABSENT:
        return f"the RuntimeClass {name} does not exist"
    if isinstance(known, RuntimeClass):
        selector = (known.scheduling.node_selector if known.scheduling else None) or {}
        if selector.get(KATA_LABEL) != "true":
            return f"RuntimeClass {name} does not select on {KATA_LABEL}=true"
    return None
