"""Whether there is still something to ask people about: the jobs and the node of an incident, as they are now.

The same answer is drawn from the watch's cache, which only hints, and from live reads, which decide (design.md
4.1, hop 4: nothing to do is closed with the evidence). What is not known still waits. A repair that a person asked
for or approved needs no job that waits for it.
"""

from bot.core.incident import Incident, Phase
from bot.core.model import Family, Sighting, TargetKind
from bot.core.objects import Job, Node, Pod
from bot.core.pods import has_sandbox
from bot.core.world import Missing, World

_WAITING = frozenset({Phase.UNASKED, Phase.PLANNED, Phase.ASKED})


def why_ended(i: Incident, world: World) -> str | None:
    """Why nobody has to answer any more, in words for the card; `None` while somebody has to, or nobody knows."""
    if i.phase not in _WAITING and i.phase is not Phase.APPROVED:
        return None
    if (gone := _node_is_gone(i, world)) is not None:
        return gone
    if i.phase not in _WAITING or i.requested_by is not None or not i.sightings:
        return None
    ends = [_end(sighting, world) for sighting in i.sightings]
    if None in ends:
        return None
    told = "; ".join(dict.fromkeys(end for end in ends if end))
    again = f"; `imsbot repair {i.target.name}` asks all the same" if i.target.kind is TargetKind.NODE else ""
    return f"Nobody waits for this repair any more: {told}. Nothing was changed{again}."


def _node_is_gone(i: Incident, world: World) -> str | None:
    if (target := i.target.node) is None:
        return None
    here = world.node(target.name)
    if here is Missing.ABSENT:
        return f"The Node {target.name} was removed from the cluster; nothing was changed."
    if isinstance(here, Node) and here.metadata.uid != target.uid:
        return f"The Node {target.name} is another one now (it was rebuilt); nothing was changed."
    return None


def _end(sighting: Sighting, world: World) -> str | None:
    match sighting.kind:
        case "Pod":
            return _end_of_pod(sighting, world)
        case "Job":
            return _end_of_job(sighting, world, uid=sighting.uid)
        case _:
            return None


def _end_of_pod(sighting: Sighting, world: World) -> str | None:
    """A pod that is gone says nothing while its Job may make another one."""
    pod, name = world.pod(sighting.namespace, sighting.name), sighting.name
    if pod is Missing.UNKNOWN:
        return None
    if isinstance(pod, Pod) and pod.metadata.uid == sighting.uid and pod.status.phase != "Failed":
        if sighting.family is Family.UNSCHEDULABLE_LABEL and pod.spec.node_name:
            return f"{name} got a node by itself ({pod.spec.node_name})"
        return f"{name} started by itself" if has_sandbox(pod) else None
    return _end_of_job(sighting, world) if sighting.job_name else f"{name} is gone"


def _end_of_job(sighting: Sighting, world: World, uid: str = "") -> str | None:
    job, name = world.job(sighting.namespace, sighting.job_name), sighting.job_name
    if job is Missing.UNKNOWN:
        return None
    if not isinstance(job, Job) or (uid and job.metadata.uid != uid):
        return f"the job {name} was deleted"
    if job.finished:
        return f"the job {name} has ended"
    return f"the job {name} got its pod" if uid and job.status.active else None
