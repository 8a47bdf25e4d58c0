"""Whether a repair may be made at all here, or is only observed (design.md 9).

Three may say `observe`: the configuration, the rule of each family that was seen, and each pool that has the node.
The strictest wins, so nobody can loosen what somebody else has tightened: `mode: observe` in the configuration is
one switch for everything, and trust is given step by step by `mode: approve` there and `observe` for the rest.

What they say is resolved into the plan (`Plan.observed`), and until the first act it is compared with what they
say now: a changed configuration takes a question back or asks it. A repair that has begun is finished, because a
node is left worse half-way (design.md invariants 10 and 11); who wants to stop that one aborts it.

An incident that is only observed ends as *diagnosed* with the plan on its card: nobody can answer, so there is
nothing to wait for. It stays quiet until the plan is another one, or may be asked (`core/quiet`): when the mode is
changed to `approve`, the failure is asked about as soon as it is seen again, which is at the start that reads the
new configuration if its job still hangs.

A repair that a person asks for names no family, so only configuration and pools speak.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from bot.core.incident import Incident, Phase
from bot.core.model import Family, Mode, Target
from bot.core.rules import RuleSet
from bot.core.settings import Pool, Settings

_NOT_BEGUN = frozenset({Phase.PLANNED, Phase.ASKED, Phase.APPROVED, Phase.RUNNING})
"""Has a plan; whether anything was touched says the incident."""


def why_observed(
    settings: Settings, rules: RuleSet, families: Iterable[Family], target: Target
) -> tuple[str, ...]:
    """Everybody who says `observe` of a repair of the target for these families; none: it may be asked."""
    found = ["the configuration says mode: observe"] if settings.mode is Mode.OBSERVE else []
    ours = (rules.of(family) for family in dict.fromkeys(families))
    found += [f"the rule {r.name} says mode: observe" for r in ours if r is not None and r.mode is Mode.OBSERVE]
    if target.node is not None:
        found += [
            f"{target.name} is in the pool {name}, which says mode: observe"
            for name, pool in settings.pools.items()
            if pool.mode is Mode.OBSERVE and has(pool, target.name)
        ]
    return tuple(found)


def mode_changed(i: Incident, settings: Settings, rules: RuleSet) -> tuple[str, ...] | None:
    """What is said now, when the plan of a repair that has not begun was made under another mode; else `None`."""
    if i.plan is None or i.touched or i.phase not in _NOT_BEGUN:
        return None
    now = why_observed(settings, rules, i.families, i.target)
    return now if now != i.plan.observed else None


def has(pool: Pool, node: str) -> bool:
    """Whether one of its patterns fits the name."""
    return any(fnmatchcase(node, pattern) for pattern in pool.nodes)
