"""Decides a person's answer to a card: who may answer, to which plan, and who was first (design.md 2, 4.1).

Slack's buttons and `imsbot approve` come through the same door. The decision is taken without an await, so of two
clicks exactly one is first; the worker then journals it, and only the journaled answer lets a repair start.
"""

from dataclasses import dataclass
from enum import StrEnum

from bot.core import entries as e
from bot.core.incident import Incident, Phase
from bot.core.model import Actor, Digest, IncidentId
from bot.core.pause import halt_text, way_out
from bot.core.settings import Slack
from bot.engine.brake import Brake
from bot.engine.desk import Desk


class Reply(StrEnum):
    """What the person is told at once."""

    ACCEPTED = "accepted"
    NOT_APPROVER = "not-approver"
    WRONG_TEAM = "wrong-team"
    UNKNOWN = "unknown"
    ANSWERED = "answered"
    SUPERSEDED = "superseded"
    OBSERVED = "observed"
    PAUSED = "paused"
    NOT_WAITING = "not-waiting"


@dataclass(frozen=True, slots=True)
class Answer:
    """Approve or deny, bound to one plan digest."""

    incident: IncidentId
    digest: Digest
    approve: bool
    actor: Actor


class Approvals:
    def __init__(self, desk: Desk, brake: Brake, slack: Slack) -> None:
        self._desk = desk
        self._brake = brake
        self._slack = slack
        self._first: dict[IncidentId, int] = {}
        """Incident -> number of the plan that was answered; an answer counts once per plan."""

    def answer(self, answer: Answer) -> tuple[Reply, str]:
        """The decision and a sentence for the person. Never awaits."""
        refused = self.refusal(answer.actor)
        if refused is not None:
            return refused
        worker = self._desk.worker(answer.incident)
        if worker is None:
            return self._not_open(answer.incident)
        incident = worker.incident
        if worker.observed:
            return _only_observed(incident.id, worker.observed)
        if self._answered(incident) or incident.answer is not None:
            return Reply.ANSWERED, _who_answered(incident)
        if worker.unasking:
            return Reply.NOT_WAITING, f"Incident {incident.id} is part of a storm now; `imsbot repair` picks it."
        if incident.phase not in {Phase.PLANNED, Phase.ASKED} or incident.plan is None:
            asks = f"; `imsbot repair {incident.target.name}` asks" if incident.phase is Phase.UNASKED else ""
            return Reply.NOT_WAITING, f"Incident {incident.id} waits for no answer: it is {incident.phase}{asks}."
        if worker.expired:
            return Reply.NOT_WAITING, f"Incident {incident.id} has expired; `imsbot repair` asks again."
        if incident.plan.digest != answer.digest:
            return (
                Reply.SUPERSEDED,
                "The plan has changed since this card was drawn; look at the new one and answer that.",
            )
        if answer.approve and (halt := self._brake.halt) is not None:
            why = f"Not approved: the bot is {halt_text(halt)}. It takes approvals again after {way_out(halt)}."
            return Reply.PAUSED, why
        self._first[incident.id] = incident.plans_made
        worker.tell(e.Answered(at=worker.now(), actor=answer.actor, approve=answer.approve, digest=answer.digest))
        return Reply.ACCEPTED, "Approved." if answer.approve else "Denied."

    def _answered(self, incident: Incident) -> bool:
        return self._first.get(incident.id) == incident.plans_made

    def refusal(self, actor: Actor) -> tuple[Reply, str] | None:
        """Why this person may not answer, if so.

        Slack users are checked by user id and team id; the control socket lets in only its owner and root.
        """
        if actor.via != "slack":
            return None
        if not self._slack.approvers:
            return Reply.NOT_APPROVER, "Nobody may answer: `slack.approvers` of the bot's configuration is empty."
        if self._slack.team is None or actor.team != self._slack.team:
            return Reply.WRONG_TEAM, "Answers are taken only from members of the bot's own workspace."
        if actor.user not in self._slack.approvers:
            return (
                Reply.NOT_APPROVER,
                "You are not on the list of approvers (`slack.approvers`), so nothing happened.",
            )
        return None

    def _not_open(self, incident_id: IncidentId) -> tuple[Reply, str]:
        incident = self._desk.find(incident_id)
        if incident is None:
            return Reply.UNKNOWN, f"There is no incident {incident_id} in this bot's journal."
        if incident.observed:
            return _only_observed(incident.id, incident.observed)
        return Reply.NOT_WAITING, f"Incident {incident_id} is closed ({incident.result}); nothing happened."


def _only_observed(incident: IncidentId, observed: tuple[str, ...]) -> tuple[Reply, str]:
    return Reply.OBSERVED, f"Incident {incident} is only observed ({'; '.join(observed)}); nothing happened."


def _who_answered(incident: Incident) -> str:
    if incident.answer is None:
        return "Somebody answered this a moment ago."
    verb = "approved" if incident.answer.approve else "denied"
    who = incident.answer.actor.user
    name = f"<@{who}>" if incident.answer.actor.via == "slack" else who
    return f"This was already {verb} by {name}."
