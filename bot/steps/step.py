"""What a step is: everything resolved that it needs, and a pure answer to "what next?" (design.md 3).

A step is journaled as JSON inside its PlannedStep and comes back the same, so a change of rules,
configuration or program never changes a repair in flight (design.md invariant 11). It remembers nothing:
what it did is in the facts and in the outcomes of its own commands, so it can be asked again after any
crash.
"""

from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from bot.core.action import Action, Fail, Outcome, OutcomeKind
from bot.core.facts import Facts
from bot.core.model import Disruption, PlannedStep, Verb
from bot.core.plan import canonical

ALREADY = "it is so already; planned because the procedure has it (plan: documented)"

_ENDED_BADLY = {OutcomeKind.FAILED, OutcomeKind.TIMEOUT, OutcomeKind.REFUSED}


class Step(Struct, frozen=True, kw_only=True, tag_field="step"):
    """One idempotent action. Subclasses give the verb, the words and `next`."""

    verb: ClassVar[Verb]
    needs_node: ClassVar[bool] = True
    """`next` wants facts of the node, not only of the API."""
    disruption: ClassVar[Disruption] = Disruption.NONE
    aftercare: ClassVar[bool] = False
    """It comes after the repair itself: when it fails, people are told and nothing is undone."""
    reads_only: ClassVar[bool] = False
    """It changes nothing, so no rule has to allow it."""
    whole: ClassVar[bool] = False
    """Its acts belong together: a pause of the bot waits until the last of them (`engine/brake`)."""

    why: str = ""
    """The fact that asks for it, one line."""

    @property
    def name(self) -> str:
        """Unique within a plan."""
        return str(self.__struct_config__.tag)

    @property
    def title(self) -> str:
        """Imperative, one line."""
        raise NotImplementedError

    @property
    def detail(self) -> tuple[str, ...]:
        """Commands and changes, one per line."""
        return ()

    @property
    def diff(self) -> tuple[str, ...]:
        return ()

    @property
    def desired(self) -> dict[str, Any]:
        """The end state: this step's part of the digest, so nothing that changes by itself (design.md 4.3)."""
        raise NotImplementedError

    def next(self, facts: Facts) -> Action:
        """What to do now. Raises UnknownFactError."""
        raise NotImplementedError

    def undo(self) -> "tuple[Step, ...]":
        """What gives back what this step may have changed; asked only when it announced an act."""
        return ()

    def planned(self) -> PlannedStep:
        """As people and the journal see it."""
        return PlannedStep(
            verb=self.verb,
            name=self.name,
            title=self.title,
            why=self.why,
            detail=self.detail,
            diff=self.diff,
            disruption=self.disruption,
            desired=canonical(self.desired),
            spec=msgspec.json.encode(self, order="deterministic").decode(),
        )


def failed(facts: Facts, key: str) -> Fail | None:
    """The step's failure when its act `key` ended badly. An unknown outcome is none: the facts decide then."""
    outcome = facts.outcomes.get(key)
    if outcome is None or outcome.kind not in _ENDED_BADLY:
        return None
    return Fail(f"{key}: {words(outcome)}")


def succeeded(facts: Facts, key: str) -> bool:
    outcome = facts.outcomes.get(key)
    return outcome is not None and outcome.kind is OutcomeKind.OK


def words(outcome: Outcome) -> str:
    """The last thing that a command said, and how it ended, in one line."""
    lines = [line.strip() for line in outcome.output.splitlines() if line.strip()]
    ended = outcome.kind.value if outcome.exit_code is None else f"{outcome.kind.value}, exit {outcome.exit_code}"
    return f"{lines[-1][:300]} ({ended})" if lines else f"no output ({ended})"
