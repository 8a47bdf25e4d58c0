"""What a plan is made from, and how a verb says that there is no safe way."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.core.action import ImsRecord
from bot.core.facts import Facts
from bot.core.facts.ours import STATE
from bot.core.model import Diagnosis, Family, IncidentId, Target, Verb
from bot.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Situation:
    """One target, what was seen on it, what is known about it, and what may be done."""

    target: Target
    families: tuple[Family, ...]
    ceiling: frozenset[Verb]
    """What the matched rules allow."""
    incident: IncidentId
    facts: Facts
    settings: Settings
    records: tuple[ImsRecord, ...] = ()
    """Of the IMS jobs that were seen to hang."""
    peer_versions: Mapping[str, str] = field(default_factory=dict)
    """Node name -> Kata version of other ready workers, as far as they were read."""

    @property
    def documented(self) -> bool:
        """Plan every step of the procedure, needed or not."""
        return self.settings.plan == "documented"

    @property
    def runtime_class(self) -> str:
        found = self.facts.cluster.runtime_class
        return found.metadata.name if found else self.settings.kata.runtime_class

    def backup_of(self, name: str, sha256: str) -> str:
        """Where this incident keeps the file of before."""
        return f"{STATE}/backup/{self.incident}/{name}.{sha256[:16]}"


class CannotRepairError(Exception):
    """A verb is needed and must not or cannot be done: the plan is a diagnosis then, never half a repair."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.why)
        self.diagnosis = diagnosis
