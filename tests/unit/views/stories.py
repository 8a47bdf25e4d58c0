"""Incidents as a site would have them, in every state: real plans over real-looking names and messages."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from bot.core import entries as e
from bot.core.action import Outcome, OutcomeKind, Verdict
from bot.core.facts import NodeFacts
from bot.core.facts.kata_tree import KataTree
from bot.core.facts.shims import NAMES, Shim, Shims, ShimState
from bot.core.incident import Incident, Phase
from bot.core.lifecycle import fold
from bot.core.model import (
    Actor,
    Blocker,
    CardRef,
    Diagnosis,
    Family,
    IncidentId,
    NodeRef,
    Plan,
    Result,
    Sighting,
    Target,
    TargetKind,
)
from bot.core.outcome import REBUILD
from bot.steps.planner import make_plan
from bot.steps.undo_plan import undo_plan
from tests.unit.steps import samples

T0 = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MIRA = Actor(via="slack", user="U0MIRA", team="T0CRAYOPS", evidence="action_ts=1.1")
ROOT = Actor(via="cli", user="root")
JOB = "6d1ab5ae-aa2f-4e1f-9a27-c1d5e1d8c2a1"
MESSAGE = (
    "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: "
    'no runtime for "kata-qemu" is configured'
)


OBSERVED = ("the configuration says mode: observe",)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def target(number: int = 1) -> Target:
    return Target(TargetKind.NODE, f"ncn-w00{number}", f"7e57-000{number}")


def sighting(family: Family = Family.HANDLER_NOT_CONFIGURED, message: str = MESSAGE, job: str = JOB) -> Sighting:
    return Sighting(
        family=family,
        rule=str(family),
        kind="Pod",
        namespace="ims",
        name=f"cray-ims-{job}-customize-x8k2p",
        uid=f"pod-{job}",
        job=job,
        job_name=f"cray-ims-{job}-customize",
        runtime_class="kata-qemu",
        message=message,
        at=T0,
    )


def small_plan() -> Plan:
    """The handler alone is missing."""
    return _planned(samples.unconfigured_node())


def large_plan() -> Plan:
    """Nothing of Kata is there, on a node of the sandbox."""
    absent = {name: Shim(ShimState.ABSENT, "", "") for name in NAMES}
    node = samples.unconfigured_node(
        kata_tree=KataTree("absent", "", None, "", False, ()),
        shims=Shims(absent),
        kata_config=replace(
            samples.node_facts().kata_config, present=False, content=None, backend_directory=False
        ),
    )
    return _planned(node)


def _planned(node: NodeFacts) -> Plan:
    pods = tuple(samples.pod(f"pod-{number}") for number in range(31))
    facts = samples.facts(node, cluster=samples.cluster(pods_on_node=pods))
    waived = {"kvm": "the demo's machine has none", "guest-kernel": "the demo's micro-VMs are processes"}
    plan = make_plan(samples.situation(facts=facts, settings=samples.settings(checks={"waive": waived})))
    assert isinstance(plan, Plan), plan
    return plan


def story(*entries: e.Entry, incident: str = "abcd2345") -> Incident:
    return fold(IncidentId(incident), [e.Opened(at=T0, target=target(), sighting=sighting()), *entries])


def question(plan: Plan) -> list[e.Entry]:
    ref = CardRef("C0REPAIRS", "1795500000.000100")
    expires = at(6 + 4 * 3600)
    return [
        e.Planned(at=at(5), plan=plan),
        e.CardPosted(at=at(6), ref=ref),
        e.Asked(at=at(6), digest=plan.digest, expires_at=expires),
    ]


def begun(plan: Plan) -> list[e.Entry]:
    answered = e.Answered(at=at(70), actor=MIRA, approve=True, digest=plan.digest)
    return [*question(plan), answered, e.Started(at=at(72), epoch=3, holder="journal-1")]


EVIDENCE = {
    "stage": "kata-static 3.17.0 is unpacked beside /opt/kata, its checksum is the pinned one",
    "cordon": "ncn-w001 is cordoned by this incident",
    "install": "/opt/kata is Kata 3.17.0",
    "link": "containerd finds both shims",
    "configure": "/etc/containerd/config.toml has both handlers, all else is as before",
    "restart": "containerd is active and serves kata and kata-qemu",
    "verify-sandbox": "a sandbox of kata-qemu started and ended on the node",
    "verify-canary": "the canary pod ran on ncn-w001 with the guest kernel 6.1.62",
    "verify-rescued": "the pod of the hanging job runs, and the failure stayed away for 60 s",
}


def progress(plan: Plan, done: int) -> list[e.Entry]:
    """The first steps are done, and the next one runs."""
    entries: list[e.Entry] = []
    for number, step in enumerate(plan.steps[: done + 1]):
        began = 80 + 20 * number
        entries.append(e.StepBegan(at=at(began), name=step.name))
        purpose = step.detail[0] if step.detail else step.title
        entries.append(e.Intended(at=at(began), seq=number + 1, step=step.name, key="act", purpose=purpose))
        if number < done:
            entries.append(e.Ended(at=at(began + 4), seq=number + 1, outcome=Outcome(OutcomeKind.OK, 0, "")))
            evidence = EVIDENCE.get(step.name, "done")
            verdict = Verdict.PROVEN if step.name.startswith("verify") else None
            entries.append(e.StepEnded(at=at(began + 9), name=step.name, evidence=evidence, verdict=verdict))
    return entries


def failed(plan: Plan, number: int, why: str) -> list[e.Entry]:
    outcome = Outcome(OutcomeKind.FAILED, 1, "Job for containerd.service failed.\nSee journalctl -xeu containerd.")
    return [
        *begun(plan),
        *progress(plan, number),
        e.Ended(at=at(300), seq=number + 1, outcome=outcome),
        e.Failed(at=at(301), step=plan.steps[number].name, why=why),
    ]


def undone(plan: Plan, acted: Sequence[str], done: int) -> list[e.Entry]:
    steps = tuple(step.planned() for step in undo_plan(plan, acted))
    entries: list[e.Entry] = [e.UndoPlanned(at=at(302), steps=steps)]
    for number, step in enumerate(steps[: done + 1]):
        entries.append(e.StepBegan(at=at(303 + 10 * number), name=step.name))
        if number < done:
            entries.append(e.StepEnded(at=at(308 + 10 * number), name=step.name, evidence=f"{step.title}: done"))
    return entries


def storm(count: int = 4) -> list[Incident]:
    """Four nodes; the second was picked, the first healed."""
    found = []
    for number in range(1, count + 1):
        opened = e.Opened(
            at=at(30 * number), target=target(number), sighting=sighting(job=f"{number}a2b{JOB[4:]}")
        )
        why = f"handler-not-configured on {count} nodes within 10 minutes: look for a common cause first"
        unasked = e.Unasked(at=at(100), why=why, storm="handler-not-configured-abcd2345")
        more: list[e.Entry] = []
        if number == 2:
            more = [e.Picked(at=at(200), actor=ROOT), *question(small_plan())]
        found.append(fold(IncidentId(f"storm{number}xy"), [opened, unasked, *more]))
    return found


DIAGNOSIS = Diagnosis(
    Family.HYPERVISOR_UNSUPPORTED,
    "ncn-w001 is not repaired: kvm: /dev/kvm is missing: virtualization is switched off in the firmware",
    blockers=(
        Blocker("kvm", "/dev/kvm is missing: virtualization is switched off in the firmware"),
        Blocker("space", "/opt has 1.2 GiB free, the archive needs 4 GiB"),
    ),
    guidance=("Enable AMD SVM in the firmware of ncn-w001, then ask again with `imsbot repair ncn-w001`",),
)


def stories() -> dict[str, Incident]:
    """Every state that people meet, by name, in the order of an incident's life."""
    small, large = small_plan(), large_plan()
    names = [step.name for step in small.steps]
    restart = names.index("restart")
    healed = f"The job's pod runs on ncn-w001. Nothing to do for the owner of cray-ims-{JOB}-customize. {REBUILD}"
    changed = replace_digest(small, "e" * 64)
    found = {
        "opened": story(),
        "asked": story(*question(small)),
        "asked, all of it": story(*question(large)),
        "asked, reminded": story(*question(small), e.Reminded(at=at(3 * 3600))),
        "asked again": story(
            *begun(small)[:-1],
            e.Planned(at=at(90), plan=changed, changed=("changed: add the handlers (was: add one handler)",)),
            e.Asked(at=at(91), digest=changed.digest, expires_at=at(14_500)),
        ),
        "approved": story(*begun(small)[:-1]),
        "running": story(*begun(small), *progress(small, 4)),
        "running, all of it": story(*begun(large), *progress(large, 6)),
        "healed": story(
            *begun(small),
            *progress(small, len(names) - 1),
            e.StepEnded(at=at(260), name=names[-1], evidence=EVIDENCE[names[-1]], verdict=Verdict.PROVEN),
            e.Closed(at=at(262), result=Result.HEALED, why=healed),
        ),
        "unproven": story(
            *begun(small),
            *progress(small, len(names) - 1),
            e.Closed(
                at=at(262),
                result=Result.UNPROVEN,
                why="The repair is in place, but in doubt: the canary's image cannot be pulled. " + REBUILD,
            ),
        ),
        "undoing": story(
            *failed(small, restart, "containerd is not active 60 s after its restart: exit status 1"),
            *undone(small, names[: restart + 1], 1),
        ),
        "suspended": story(
            *begun(small),
            *progress(small, 4),
            e.Suspended(at=at(200), why="paused by root: the mirror is being moved", until=at(7400)),
        ),
        "restored": story(
            *failed(small, restart, "containerd is not active 60 s after its restart: exit status 1"),
            *undone(small, names[: restart + 1], 9),
            e.Closed(
                at=at(400),
                result=Result.RESTORED,
                why="The repair did not succeed (restart: containerd is not active 60 s after its restart); "
                "everything was put back.",
            ),
        ),
        "held": story(
            *failed(small, restart, "containerd is not active 60 s after its restart: exit status 1"),
            *undone(small, names[: restart + 1], 1),
            e.Held(
                at=at(900), why="the undo stopped at undo-restart: for 600 s: ncn-w001 does not answer on port 22"
            ),
        ),
        "denied": story(
            *question(small),
            e.Answered(at=at(70), actor=MIRA, approve=False, digest=small.digest),
            e.Closed(
                at=at(71),
                result=Result.DENIED,
                why="Nothing was changed; the job keeps hanging until somebody acts.",
            ),
        ),
        "expired": story(
            *question(small),
            e.Closed(
                at=at(14_500),
                result=Result.EXPIRED,
                why="Nobody answered in time, so nothing was changed. `imsbot repair` asks again.",
            ),
        ),
        "withdrawn": story(
            e.Closed(
                at=at(6),
                result=Result.WITHDRAWN,
                why="nothing to repair on ncn-w001: containerd serves kata-qemu, both shims resolve, Kata 3.17.0 "
                "is complete and configured, and the node has the label",
            )
        ),
        "diagnosed": story(
            e.Diagnosed(at=at(5), diagnosis=DIAGNOSIS),
            e.Closed(at=at(6), result=Result.DIAGNOSED, why=DIAGNOSIS.why),
        ),
        "observed": story(
            e.Planned(at=at(5), plan=msgspec.structs.replace(small, observed=OBSERVED)),
            e.CardPosted(at=at(6), ref=CardRef("C0REPAIRS", "1795500000.000100")),
            e.Closed(
                at=at(6),
                result=Result.DIAGNOSED,
                why=f"Only observed, so nobody was asked and nothing was changed: {OBSERVED[0]}.",
            ),
        ),
        "unasked": storm()[0],
        "chosen": story(
            e.Chosen(
                at=at(4),
                node=NodeRef("ncn-w001", "7e57-0001"),
                why="it needs the fewest steps and runs the fewest pods",
                runners_up=("ncn-w002", "ncn-w003"),
            ),
            *question(small),
        ),
    }
    assert set(Phase) - {Phase.PLANNED} <= {incident.phase for incident in found.values()}
    assert set(Result) == {incident.result for incident in found.values()} - {None}
    return found


def replace_digest(plan: Plan, digest: str) -> Plan:
    return msgspec.structs.replace(plan, digest=digest)
