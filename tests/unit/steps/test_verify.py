"""Three verdicts: only a Kata failure of that node's own disproves a repair."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.adapters.rules_files import load_rules
from bot.core.action import (
    Action,
    Api,
    CreateCanary,
    DeleteCanary,
    Done,
    Fail,
    Outcome,
    OutcomeKind,
    Verdict,
    Wait,
)
from bot.core.classify import classify
from bot.core.fate import Fate, JobFate
from bot.core.model import Family
from bot.core.objects import (
    Condition,
    ContainerState,
    ContainerStatus,
    Event,
    Job,
    JobStatus,
    Meta,
    ObjectReference,
    Pod,
    RunningState,
    TerminatedState,
)
from bot.steps.refusal import MISSING, UNFIT
from bot.steps.verify_canary import CleanUpCanary, VerifyCanary
from bot.steps.verify_rescued import VerifyRescued
from tests.unit.steps import samples

RULES = load_rules()
FAMILIES = (Family.HANDLER_NOT_CONFIGURED,)
SAME = 'Failed to create pod sandbox: no runtime for "kata-qemu" is configured'
CANARY = VerifyCanary(
    namespace="ims",
    pod="imsbot-canary-abcd2345",
    node=samples.NODE,
    host_kernel="5.14.21",
    runtime_class="kata-qemu",
    incident=samples.INCIDENT,
    image="i",
    image_pull_policy="IfNotPresent",
    cpu="100m",
    memory="256Mi",
    families=FAMILIES,
    timeout_s=180,
    same_kernel_ok=False,
)
CREATED = {"create-canary": Outcome(OutcomeKind.OK)}


def later(seconds: float) -> Any:
    return samples.NOW + timedelta(seconds=seconds)


def canary(phase: str = "Pending", **status: Any) -> Pod:
    return samples.pod("imsbot-canary-abcd2345", phase=phase, **status)


def ended(message: str | None, exit_code: int = 0) -> Pod:
    state = ContainerState(terminated=TerminatedState(exit_code=exit_code, message=message))
    return canary("Succeeded", container_statuses=(ContainerStatus(name="canary", state=state),))


def ask(step: Any, *, outcomes: Any = None, after_s: float = 5, **cluster: Any) -> Action:
    facts = samples.facts(cluster=samples.cluster(**cluster), now=later(after_s), outcomes=outcomes or {})
    return step.next(replace(facts, node=None))


def test_the_canary_is_created_once() -> None:
    action = ask(CANARY)
    assert isinstance(action, Api)
    assert isinstance(action.change, CreateCanary)
    assert (action.change.node, action.change.runtime_class) == (samples.NODE, "kata-qemu")


def test_a_guest_with_another_kernel_proves_the_node() -> None:
    action = ask(CANARY, canary=ended("6.1.62\n"), outcomes=CREATED)
    assert isinstance(action, Done)
    assert action.verdict is Verdict.PROVEN
    assert "6.1.62" in action.evidence


def test_the_hosts_own_kernel_proves_nothing_unless_the_check_is_waived() -> None:
    assert ask(CANARY, canary=ended("5.14.21")).verdict is Verdict.INCONCLUSIVE
    waived = msgspec.structs.replace(CANARY, same_kernel_ok=True)
    assert ask(waived, canary=ended("5.14.21")).verdict is Verdict.PROVEN


def test_the_same_failure_disproves_at_once() -> None:
    action = ask(CANARY, canary=canary(), canary_events=(samples.event(SAME, later(3)),))
    assert isinstance(action, Fail)
    assert action.verdict is Verdict.DISPROVEN


def ask_by_rules(events: tuple[Event, ...], pod: Pod | None = None, after_s: float = 5) -> Action:
    """With the real rules, of a repair for which nothing was seen."""
    step = msgspec.structs.replace(CANARY, families=())
    cluster = samples.cluster(canary=pod or canary(), canary_events=events)
    return step.next(samples.facts(cluster=cluster, now=later(after_s), classify=by_rules))


def by_rules(event: Event) -> Family:
    return classify(event, RULES).family


def said(family: Family) -> Event:
    """The first words that the rules give as an example of it."""
    rule = RULES.of(family)
    assert rule is not None
    example = next(each for each in rule.examples if each.kind == "Pod")
    about = ObjectReference(kind="Pod")
    meta = Meta(creation_timestamp=later(3))
    return Event(meta, about, reason=example.reason, message=example.message, type="Warning")


@pytest.mark.parametrize("family", sorted(MISSING))
def test_a_part_that_is_missing_on_the_node_disproves_whatever_was_seen_before(family: Family) -> None:
    action = ask_by_rules((said(family),))
    assert isinstance(action, Fail)
    assert Verdict.DISPROVEN is action.verdict
    assert action.why.startswith(f"Kata does not run on {samples.NODE}: Failed to create pod sandbox")


@pytest.mark.parametrize("family", sorted(UNFIT - MISSING))
def test_what_another_try_may_overcome_disproves_at_the_end_of_its_time(family: Family) -> None:
    assert isinstance(ask_by_rules((said(family),)), Wait)
    action = ask_by_rules((said(family),), after_s=181)
    assert isinstance(action, Fail)
    assert Verdict.DISPROVEN is action.verdict


@pytest.mark.parametrize("family", sorted(set(Family) - UNFIT - {Family.UNRELATED, Family.UNSCHEDULABLE_LABEL}))
def test_what_is_not_the_node_s_own_or_not_known_is_inconclusive(family: Family) -> None:
    about_pods = [x for x in RULES.of(family).examples if x.kind == "Pod"]
    if about_pods:
        assert Verdict.INCONCLUSIVE is ask_by_rules((said(family),), after_s=181).verdict


def test_a_pod_that_ran_out_of_time_while_nobody_looked_is_judged_by_what_the_kubelet_said() -> None:
    over = canary("Failed", reason="DeadlineExceeded", message="Pod was active on the node longer than allowed")
    assert Verdict.INCONCLUSIVE is ask_by_rules((), over).verdict
    assert Verdict.DISPROVEN is ask_by_rules((said(Family.GUEST_FAILURE),), over).verdict


def test_a_refusal_of_before_the_sandbox_started_is_overcome() -> None:
    there = (Condition(type="PodReadyToStartContainers", status="True"),)
    pulling = canary(conditions=there)
    assert isinstance(ask_by_rules((said(Family.SHIM_MISSING),), pulling), Wait)
    late = ask_by_rules((said(Family.SHIM_MISSING),), pulling, after_s=181)
    assert Verdict.INCONCLUSIVE is late.verdict


def test_another_failure_waits_and_then_says_nothing_about_kata() -> None:
    pull = (samples.event("Failed to pull image: not found", later(3)),)
    assert isinstance(ask(CANARY, canary=canary(), canary_events=pull), Wait)
    action = ask(CANARY, canary=canary(), canary_events=pull, after_s=181)
    assert isinstance(action, Done)
    assert action.verdict is Verdict.INCONCLUSIVE
    assert "Failed to pull image" in action.evidence


def test_refusals_rejections_and_deletions_are_inconclusive() -> None:
    refused = {"create-canary": Outcome(OutcomeKind.FAILED, output="exceeded quota")}
    assert "exceeded quota" in ask(CANARY, outcomes=refused).evidence
    rejected = canary("Failed", reason="NodeAffinity", message="Pod was rejected")
    assert ask(CANARY, canary=rejected).verdict is Verdict.INCONCLUSIVE
    assert ask(CANARY, outcomes=CREATED).verdict is Verdict.INCONCLUSIVE


def test_a_container_that_failed_had_its_sandbox_but_shows_no_kernel() -> None:
    action = ask(CANARY, canary=ended(None, exit_code=127))
    assert action.verdict is Verdict.INCONCLUSIVE
    assert "sandbox started" in action.evidence


def test_the_canary_is_deleted_and_gone_is_as_good() -> None:
    step = CleanUpCanary(namespace="ims", pod="imsbot-canary-abcd2345")
    action = ask(step, canary=canary())
    assert isinstance(action, Api)
    assert action.change == DeleteCanary("ims", "imsbot-canary-abcd2345")
    assert isinstance(ask(step), Done)
    assert [undo.name for undo in CANARY.undo()] == ["undo-verify"]


RESCUED = VerifyRescued(families=FAMILIES, timeout_s=120, quiet_s=60)


def running(since_s: float, name: str = "ims-1") -> Pod:
    state = ContainerState(running=RunningState(started_at=later(since_s)))
    ready = (Condition(type="PodReadyToStartContainers", status="True"),)
    statuses = (ContainerStatus(name="prepare", state=state),)
    return samples.pod(name, phase="Pending", conditions=ready, init_container_statuses=statuses)


def test_a_pod_that_hung_has_to_start_and_stay_quiet() -> None:
    hanging = samples.pod("ims-1", phase="Pending")
    assert isinstance(ask(RESCUED, rescued=(hanging,)), Wait)
    assert isinstance(ask(RESCUED, rescued=(running(10),), after_s=30), Wait)
    action = ask(RESCUED, rescued=(running(10),), after_s=71)
    assert isinstance(action, Done)
    assert action.verdict is Verdict.PROVEN


def test_a_pod_that_still_fails_in_the_same_way_disproves_only_at_the_end_of_its_time() -> None:
    hanging = samples.pod("ims-1", phase="Pending")
    events = (samples.event(SAME, later(20)),)
    assert isinstance(ask(RESCUED, rescued=(hanging,), rescued_events=events, after_s=30), Wait)
    action = ask(RESCUED, rescued=(hanging,), rescued_events=events, after_s=121)
    assert isinstance(action, Fail)
    assert action.verdict is Verdict.DISPROVEN


@pytest.mark.parametrize("ahead_s", [-600, 0, 600], ids=["clock behind", "clocks agree", "clock ahead"])
def test_what_is_of_before_the_repair_is_known_by_the_cluster_s_stamps(ahead_s: float) -> None:
    """They are the kubelet's; the bot's clock is ahead of them by so much."""
    hanging = samples.pod("ims-1", phase="Pending")
    before, after = samples.event(SAME, later(-20 - ahead_s)), samples.event(SAME, later(20 - ahead_s))
    facts = samples.facts(now=later(121), heard=before.at)
    old = replace(facts, cluster=samples.cluster(rescued=(hanging,), rescued_events=(before,)))
    assert Verdict.INCONCLUSIVE is RESCUED.next(old).verdict
    new = replace(facts, cluster=samples.cluster(rescued=(hanging,), rescued_events=(before, after)))
    assert Verdict.DISPROVEN is RESCUED.next(new).verdict


@pytest.mark.parametrize("ahead_s", [-600, 600], ids=["clock behind", "clock ahead"])
def test_what_is_said_of_the_canary_is_never_of_before_it(ahead_s: float) -> None:
    action = ask(CANARY, canary=canary(), canary_events=(samples.event(SAME, later(3 - ahead_s)),))
    assert isinstance(action, Fail)
    assert action.verdict is Verdict.DISPROVEN


def test_an_event_of_before_the_repair_is_no_proof_against_it() -> None:
    hanging = samples.pod("ims-1", phase="Pending")
    events = (samples.event(SAME, later(-20)),)
    action = ask(RESCUED, rescued=(hanging,), rescued_events=events, after_s=121)
    assert isinstance(action, Done)
    assert action.verdict is Verdict.INCONCLUSIVE


def test_jobs_without_a_pod_are_waited_for_and_finished_ones_are_not() -> None:
    waiting = Job(metadata=Meta(name="cray-ims-1-create"))
    assert isinstance(ask(RESCUED, rescued=(), rescued_jobs=(waiting,)), Wait)
    over = Job(
        metadata=Meta(name="cray-ims-1-create"),
        status=JobStatus(conditions=(Condition(type="Complete", status="True"),)),
    )
    assert isinstance(ask(RESCUED, rescued=(), rescued_jobs=(over,)), Done)


def job(*, failed: bool = False, name: str = "cray-ims-1-create") -> Job:
    ends = (Condition(type="Failed", status="True"),) if failed else ()
    return Job(metadata=Meta(name=name, namespace="ims"), status=JobStatus(conditions=ends))


def test_what_became_of_each_job_is_told_at_the_end() -> None:
    pod = running(10, "cray-ims-1-create-x")
    lost = job(failed=True, name="cray-ims-2-create")
    action = ask(RESCUED, rescued=(pod,), rescued_jobs=(job(), lost), after_s=71)
    assert isinstance(action, Done)
    assert action.jobs == (JobFate("cray-ims-1-create", Fate.RUNS), JobFate("cray-ims-2-create", Fate.LOST))


def test_the_dead_pod_of_a_failed_job_is_not_waited_for() -> None:
    action = ask(RESCUED, rescued=(samples.pod("ims-1", phase="Failed"),), rescued_jobs=(job(failed=True),))
    assert isinstance(action, Done)
    assert action.jobs == (JobFate("cray-ims-1-create", Fate.LOST),)
