"""Small, valid values of the model, for tests that need some and do not care which."""

from datetime import UTC, datetime, timedelta

from bot.core import entries as e
from bot.core.model import (
    Actor,
    Digest,
    Disruption,
    Family,
    IncidentId,
    Plan,
    PlannedStep,
    Sighting,
    Target,
    TargetKind,
    Verb,
)

T0 = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ID = IncidentId("abcdefgh")
NODE = Target(TargetKind.NODE, "ncn-w001", "uid-w001")
PERSON = Actor(via="slack", user="U0APPROVER", team="T0TEAM")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def sighting(family: Family = Family.HANDLER_NOT_CONFIGURED, name: str = "cray-ims-1-create-abcde") -> Sighting:
    return Sighting(
        family=family,
        rule=str(family),
        kind="Pod",
        namespace="ims",
        name=name,
        uid=f"uid-{name}",
        job="1",
        job_name="cray-ims-1-create",
        runtime_class="kata-qemu",
        message='no runtime for "kata-qemu" is configured',
        at=T0,
    )


def step(verb: Verb, disruption: Disruption = Disruption.NONE) -> PlannedStep:
    return PlannedStep(
        verb=verb,
        name=str(verb),
        title=f"{verb} the node",
        why="a fact asks for it",
        detail=(),
        diff=(),
        disruption=disruption,
        desired=f'{{"verb":"{verb}"}}',
        spec="{}",
    )


def plan(*verbs: Verb, digest: str = "d" * 64, target: Target = NODE) -> Plan:
    return Plan(
        target=target,
        cluster_uid="cluster",
        steps=tuple(map(step, verbs or (Verb.CONFIGURE, Verb.RESTART))),
        digest=Digest(digest),
        families=(Family.HANDLER_NOT_CONFIGURED,),
    )


def opened() -> e.Opened:
    return e.Opened(at=T0, target=NODE, sighting=sighting())


def asked(after_s: float = 1, digest: str = "d" * 64) -> e.Asked:
    return e.Asked(at=at(after_s), digest=Digest(digest), expires_at=at(after_s + 100))


def answered(after_s: float = 2, *, approve: bool = True, digest: str = "d" * 64) -> e.Answered:
    return e.Answered(at=at(after_s), actor=PERSON, approve=approve, digest=Digest(digest))
