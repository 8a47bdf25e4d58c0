"""Configuration, rules and pools each may say `observe`; the strictest wins, and says who it was."""

from typing import Any

import pytest

from bot.adapters.rules_files import load_rules
from bot.core import entries as e
from bot.core.action import DeleteCanary
from bot.core.lifecycle import fold
from bot.core.mode import mode_changed, why_observed
from bot.core.model import Family, Mode, Target, TargetKind
from bot.core.rules import RuleSet
from tests.unit.core.samples import ID, NODE, T0, answered, asked, opened, plan
from tests.unit.steps import samples

HANDLER = Family.HANDLER_NOT_CONFIGURED
CLASS = Target(TargetKind.RUNTIMECLASS, "kata-qemu")
REST = {"nodes": ["ncn-w00[2-9]", "ncn-w001"], "mode": "observe"}


def rules(*observing: Family) -> RuleSet:
    ours = load_rules().rules
    return RuleSet(
        tuple(r.model_copy(update={"mode": Mode.OBSERVE}) if r.family in observing else r for r in ours)
    )


def said(
    families: tuple[Family, ...], target: Target, observing: tuple[Family, ...], **changes: Any
) -> tuple[str, ...]:
    return why_observed(samples.settings(**changes), rules(*observing), families, target)


def test_our_own_rules_hold_nothing_back() -> None:
    assert () == said(tuple(Family), NODE, ())


@pytest.mark.parametrize(
    ("families", "target", "observing", "changes", "words"),
    [
        ((HANDLER,), NODE, (), {"mode": "observe"}, ["the configuration says mode: observe"]),
        ((), NODE, (HANDLER,), {}, []),
        ((Family.SHIM_MISSING,), NODE, (HANDLER,), {}, []),
        (
            (Family.SHIM_MISSING, HANDLER),
            NODE,
            (HANDLER,),
            {},
            ["the rule handler-not-configured says mode: observe"],
        ),
        (
            (HANDLER,),
            NODE,
            (),
            {"pools": {"rest": REST, "all": {"nodes": ["*"], "mode": "approve"}}},
            ["ncn-w001 is in the pool rest, which says mode: observe"],
        ),
        ((HANDLER,), NODE, (), {"pools": {"rest": {"nodes": ["ncn-w00[2-9]"], "mode": "observe"}}}, []),
        ((HANDLER,), CLASS, (), {"pools": {"rest": {"nodes": ["*"], "mode": "observe"}}}, []),
    ],
)
def test_the_strictest_wins_and_is_named(
    families: tuple[Family, ...],
    target: Target,
    observing: tuple[Family, ...],
    changes: dict[str, Any],
    words: list[str],
) -> None:
    assert tuple(words) == said(families, target, observing, **changes)


def test_a_pool_that_says_approve_does_not_loosen_the_configuration() -> None:
    pools = {"first": {"nodes": ["ncn-w001"], "mode": "approve"}}
    assert said((HANDLER,), NODE, (), mode="observe", pools=pools)


def test_a_change_of_mode_is_noticed_until_the_first_act() -> None:
    observing, approving = samples.settings(mode="observe"), samples.settings()
    began = [opened(), e.Planned(at=T0, plan=plan()), asked(), answered()]
    started = [*began, e.Started(at=T0, epoch=1, holder="journal-1")]
    change = DeleteCanary(namespace="ims", name="canary")
    acted = [*started, e.Intended(at=T0, seq=1, step="configure", key="k", purpose="p", change=change)]
    words = ("the configuration says mode: observe",)
    for entries, expected in ((began[:2], words), (began, words), (started, words), (acted, None)):
        incident = fold(ID, entries)
        assert expected == mode_changed(incident, observing, rules())
        assert mode_changed(incident, approving, rules()) is None
