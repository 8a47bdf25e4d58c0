"""What a person at the terminal may ask the running bot: the same gates as Slack's buttons, and more doors."""

from bot.core import entries as e
from bot.core.incident import Phase
from bot.core.marks import HOLD
from bot.core.model import Actor, Digest, IncidentId, Target, TargetKind
from bot.core.objects import Node
from bot.engine.approvals import Answer, Approvals, Reply
from bot.engine.desk import Desk
from bot.engine.ports import World

DIGEST_SHOWN = 12
"""So many digits of a digest are enough to name a plan at the terminal."""


class Commands:
    """Each method returns (whether it was taken, a sentence, the incident's id or "")."""

    def __init__(self, desk: Desk, approvals: Approvals, world: World) -> None:
        self._desk = desk
        self._approvals = approvals
        self._world = world

    def answer(self, incident_id: str, digest: str, approve: bool, actor: Actor) -> tuple[bool, str, str]:
        """Without a digest the plan that is current, unless it replaced one that people may have looked at."""
        incident = self._desk.find(incident_id)
        current = incident.plan.digest if incident and incident.plan else Digest("")
        if approve and not digest and incident and incident.changed:
            shown = current[:DIGEST_SHOWN]
            text = f"The plan of {incident_id} has changed: {'; '.join(incident.changed)}. "
            return False, f"{text}Look at it, then `imsbot approve {incident_id} --digest {shown}`.", incident_id
        is_current = not digest or (len(digest) >= DIGEST_SHOWN and current.startswith(digest))
        answer = Answer(IncidentId(incident_id), current if is_current else Digest(digest), approve, actor)
        reply, text = self._approvals.answer(answer)
        return reply is Reply.ACCEPTED, text, incident_id

    def repair(self, node_name: str, actor: Actor) -> tuple[bool, str, str]:
        node = next((n for n in self._world.workers() if n.metadata.name == node_name), None)
        rests = next((w for w in self._desk.resting() if w.target.name == node_name), None)
        if node is None and rests is not None:
            # The RuntimeClass, which has no other door than this one where there is no Slack.
            return self.pick(rests.incident.id, actor)
        if node is None:
            known = ", ".join(n.metadata.name for n in self._world.workers()) or "none"
            return False, f"{node_name} is not a worker that this bot may touch; those are: {known}", ""
        target = Target(TargetKind.NODE, node.metadata.name, node.metadata.uid)
        if any(self._desk.held_on(node_name)):
            return False, f"An incident is held on {node_name}; `imsbot release {node_name}` comes first.", ""
        incident = self._desk.repair(target, actor)
        worker = self._desk.worker(incident)
        if worker is not None and worker.observed:
            then = (
                f"only observed ({'; '.join(worker.observed)}): `imsbot show {incident}` says what would be done"
            )
        else:
            then = "nothing happens without an approval"
        return True, f"Incident {incident} looks at {node_name}; {then}.", incident

    def pick(self, incident_id: str, actor: Actor) -> tuple[bool, str, str]:
        """A person wants to be asked about an incident that a sweep opened.

        It changes nothing; still it is for those who may answer, who would have to look at the card.
        """
        if (refused := self._approvals.refusal(actor)) is not None:
            return False, refused[1], incident_id
        worker = self._desk.worker(incident_id)
        if worker is None:
            return False, f"Incident {incident_id} is not open any more; nothing happened.", incident_id
        if not worker.pick(actor):
            return False, f"Incident {incident_id} was picked already: it is {worker.incident.phase}.", incident_id
        return True, f"Incident {incident_id} looks at {worker.target.name} and asks on its own card.", incident_id

    def release(self, node_name: str, actor: Actor) -> tuple[bool, str, str]:
        held = list(self._desk.held_on(node_name))
        if not held:
            return False, f"No incident is held on {node_name}.", ""
        node = self._world.node(node_name)
        if isinstance(node, Node) and HOLD in (node.metadata.annotations or {}):
            first = f"`kubectl annotate node {node_name} {HOLD}-` first"
            return False, f"{node_name} has the annotation {HOLD}, so it is left as it is; {first}.", ""
        for worker in held:
            worker.tell(e.ReleaseAsked(at=worker.now(), actor=actor))
        ids = ", ".join(w.incident.id for w in held)
        return True, f"Giving back what is ours on {node_name} (incident {ids}).", held[0].incident.id

    def abort(self, incident_id: str, actor: Actor) -> tuple[bool, str, str]:
        worker = self._desk.worker(incident_id)
        if worker is None:
            return False, f"There is no open incident {incident_id}.", ""
        if worker.incident.phase in {Phase.UNDOING, Phase.HELD}:
            return (
                False,
                f"Incident {incident_id} is {worker.incident.phase}; there is no plan to stop.",
                incident_id,
            )
        worker.tell(e.AbortAsked(at=worker.now(), actor=actor))
        return True, f"Incident {incident_id} stops before its next command and undoes what it did.", incident_id
