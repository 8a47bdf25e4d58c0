"""The rules: which words name which failure family, how far a repair may go, and what a person should look at.

A rule is data (`rules/*.yaml`, one per family, explained in `rules/README.md`) and carries its own proof: examples
that it must name and near misses that it must not. Checking all of them is `bot/core/rules_proof.py`, reading the
files `bot/adapters/rules_files.py`; what the live objects say about a match is `bot/core/join.py`.

Precedence, when several rules match one statement: the innermost cause wins, because it explains the others
("start failed" is a broken shim unless what follows says that the file is missing). Two families at the same
depth contradict each other, and the verdict is `ambiguous`.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bot.core.hints import Hints, hints_of
from bot.core.model import Consent, Family, Mode, Scope, Verb
from bot.core.regex import problem_of
from bot.core.wording import causes

GROUPS = frozenset({"handler", "runtime_class", "shim", "path", "annotation"})
"""The named groups that a pattern may capture; the join compares them with the live objects."""

_CODE = r"(?:\s{0,5}: exit status \d{1,3})?(?:: (?:unknown|not found))?"
"""containerd appends how a shim ended that printed the cause, and 1.x the code that it mapped the error to."""

_REMEMBERED = 64
"""Statements, of up to 64 kB each, and places. Anybody may create an Event with a reason of their own."""

_NODE_STEPS = frozenset(Verb) - {Verb.RUNTIMECLASS}

Line = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\r\n]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Statement(Struct, frozen=True, gc=False):
    """One thing that the cluster said: an Event, or a condition or waiting state of a Pod or Node."""

    kind: str
    """Of the object that it is about."""
    reason: str
    component: str
    """Who says so; empty when it is not known, as in an object's own status."""
    message: str


class Wording(_Part):
    """One way in which one cause is put."""

    about: Line
    """Which versions say it so."""
    regex: str = Field(min_length=8, max_length=600)
    """Matches the whole cause from its first word on; `.` also matches line ends."""
    never_repaired: Line | None = None
    """Why these words are diagnosed only, although the rule allows a repair."""

    @field_validator("regex")
    @classmethod
    def _safe(cls, regex: str) -> str:
        if (problem := problem_of(regex)) is not None:
            raise ValueError(f"{regex!r} {problem}")
        if unknown := set(re.compile(regex).groupindex) - GROUPS:
            raise ValueError(
                f"{regex!r} captures {', '.join(sorted(unknown))}; known are {', '.join(sorted(GROUPS))}"
            )
        return regex

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(f"(?:{self.regex}){_CODE}", re.DOTALL)

    @cached_property
    def hints(self) -> Hints:
        """A message that holds none of them does not say this; the empty text is in every message."""
        return hints_of(self.regex) or ("",)


class Signature(_Part):
    """Where the words must stand: on which kind of object, with which reason, from whom."""

    kinds: tuple[Literal["Pod", "Job", "StatefulSet", "Node"], ...] = Field(min_length=1)
    reasons: tuple[Line, ...] = ()
    """Empty: any reason."""
    components: tuple[Line, ...] = ()
    """Who may say it (`kubelet`); a statement that names nobody passes. Empty: anybody."""
    wordings: tuple[Wording, ...] = Field(min_length=1)

    def covers(self, statement: Statement) -> bool:
        return (
            statement.kind in self.kinds
            and (not self.reasons or statement.reason in self.reasons)
            and (not self.components or not statement.component or statement.component in self.components)
        )


class Limits(_Part):
    attempts: int = Field(ge=0, le=10)
    """Repairs of one target within the window."""
    window_h: int = Field(ge=1, le=24 * 7)


class Example(_Part):
    """A statement as the cluster makes it, with what the rule must make of it."""

    kind: str
    reason: str
    component: str = ""
    message: str = Field(min_length=1)
    names: dict[str, str] = Field(default_factory=dict)
    """What the groups must capture."""
    because: Line | None = None
    """Of a near miss: why it is none of this rule's."""

    @property
    def statement(self) -> Statement:
        return Statement(self.kind, self.reason, self.component, self.message)


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that names a statement: at which layer of its message, and what the words captured."""

    rule: "Rule"
    wording: Wording
    depth: int
    cause: str
    names: dict[str, str]


class Rule(_Part):
    family: Family
    summary: Line
    """One line for the card: what is wrong, in words for people."""
    scope: Scope
    steps: tuple[Verb, ...] = ()
    """The ceiling of a repair; empty for a family that is only diagnosed."""
    approval: Consent = Consent.REQUIRED
    mode: Mode = Mode.APPROVE
    """`observe`: this family's repairs are shown and never made, whatever the configuration says."""
    limits: Limits | None = None
    guidance: tuple[Line, ...] = ()
    """What a person should look at when nothing is repaired."""
    signatures: tuple[Signature, ...] = Field(min_length=1)
    examples: tuple[Example, ...] = Field(min_length=1)
    near_misses: tuple[Example, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        return self.family.value

    @property
    def repairs(self) -> bool:
        return bool(self.steps)

    def match(self, statement: Statement, layers: tuple[str, ...]) -> Match | None:
        """How this rule names the statement, by the innermost of its layers that it knows; else `None`."""
        signatures = [signature for signature in self.signatures if signature.covers(statement)]
        if not signatures:
            return None
        for depth in reversed(range(len(layers))):
            for signature in signatures:
                if (match := self._first(signature, depth, layers[depth])) is not None:
                    return match
        return None

    def _first(self, signature: Signature, depth: int, cause: str) -> Match | None:
        for wording in signature.wordings:
            if found := wording.compiled.fullmatch(cause):
                names = {k: v for k, v in found.groupdict().items() if v is not None}
                return Match(self, wording, depth, cause, names)
        return None

    @field_validator("family")
    @classmethod
    def _has_words(cls, family: Family) -> Family:
        if family is Family.UNRELATED:
            raise ValueError("unrelated is what no rule names; it has none of its own")
        return family

    @model_validator(mode="after")
    def _consistent(self) -> "Rule":
        if self.repairs and self.limits is None:
            raise ValueError("limits: a rule with steps says how often it may be tried")
        if not self.repairs and not self.guidance:
            raise ValueError("guidance: a rule without steps says what a person should look at")
        if self.scope is Scope.CLUSTER and set(self.steps) - {Verb.RUNTIMECLASS}:
            raise ValueError("steps: a rule of scope cluster may only do runtimeclass; it names no node")
        if self.scope is not Scope.CLUSTER and set(self.steps) - _NODE_STEPS:
            raise ValueError("steps: only a rule of scope cluster may create a RuntimeClass")
        return self


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One rule per family."""

    rules: tuple[Rule, ...]
    _named: "dict[Statement, tuple[Match, ...]]" = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Statements named lately: most events repeat what was said before."""
    _hints: "dict[tuple[str, str, str], Hints]" = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Kind, reason and component -> one of these is in every message that a rule names there."""

    def of(self, family: Family) -> Rule | None:
        return next((rule for rule in self.rules if rule.family is family), None)

    def matches(self, statement: Statement) -> tuple[Match, ...]:
        """Every rule that names the statement's innermost known cause; more than one contradict each other."""
        if not any(hint in statement.message for hint in self._hints_for(statement)):
            return ()
        if (known := self._named.get(statement)) is not None:
            return known
        if len(self._named) >= _REMEMBERED:
            self._named.clear()
        named = self._named[statement] = self._match(statement)
        return named

    def _hints_for(self, statement: Statement) -> Hints:
        place = (statement.kind, statement.reason, statement.component)
        if (known := self._hints.get(place)) is not None:
            return known
        if len(self._hints) >= _REMEMBERED:
            self._hints.clear()
        covering = (s for rule in self.rules for s in rule.signatures if s.covers(statement))
        hints = {hint for signature in covering for wording in signature.wordings for hint in wording.hints}
        self._hints[place] = tuple(sorted(hints))
        return self._hints[place]

    def _match(self, statement: Statement) -> tuple[Match, ...]:
        layers = causes(statement.message)
        found = [match for rule in self.rules if (match := rule.match(statement, layers))]
        deepest = max((match.depth for match in found), default=0)
        return tuple(match for match in found if match.depth == deepest)
