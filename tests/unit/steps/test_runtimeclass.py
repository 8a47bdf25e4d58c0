"""A missing RuntimeClass: created when it is ours, never changed when it is there."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.core.action import Action, Api, CreateRuntimeClass, Done, Fail, Verdict, Wait
from bot.core.model import Diagnosis, Family, Plan, Target, TargetKind, Verb
from bot.core.objects import Event, Job, JobStatus, Meta, RuntimeClass
from bot.steps import decode
from bot.steps.planner import Nothing, make_plan
from bot.steps.undo_plan import undo_plan
from tests.unit.steps import samples

JOB = Job(metadata=Meta(name="cray-ims-1-customize", uid="job-1"))


def plan(name: str = "kata-qemu", ceiling: frozenset[Verb] | None = None, **cluster: Any) -> Any:
    given = {"node": None, "runtime_class": None, "rescued": (), "rescued_jobs": (JOB,)} | cluster
    facts = replace(samples.facts(cluster=samples.cluster(**given)), node=None)
    return make_plan(
        samples.situation(
            target=Target(TargetKind.RUNTIMECLASS, name),
            families=(Family.RUNTIMECLASS_MISSING,),
            ceiling=frozenset({Verb.RUNTIMECLASS}) if ceiling is None else ceiling,
            facts=facts,
        )
    )


def ask(name: str, after_s: float = 0, **cluster: Any) -> Action:
    found = plan()
    assert isinstance(found, Plan)
    step = decode(next(p for p in found.steps if p.name == name))
    given = {"node": None, "runtime_class": None, "rescued": (), "rescued_jobs": (JOB,)} | cluster
    facts = samples.facts(cluster=samples.cluster(**given), now=samples.NOW + timedelta(seconds=after_s))
    return step.next(replace(facts, node=None, classify=classify))


def classify(event: Event) -> Family:
    missing = "RuntimeClass" in (event.message or "")
    return Family.RUNTIMECLASS_MISSING if missing else Family.UNRELATED


def test_the_class_is_created_as_csm_has_it() -> None:
    found = plan()
    assert isinstance(found, Plan), found
    assert [p.name for p in found.steps] == ["runtimeclass", "verify-admitted"]
    action = ask("runtimeclass")
    assert isinstance(action, Api)
    assert action.change == CreateRuntimeClass(
        name="kata-qemu",
        handler="kata-qemu",
        overhead={"memory": "160Mi", "cpu": "250m"},
        node_selector={"katacontainers.io/kata-runtime": "true"},
    )
    assert undo_plan(found, ["runtimeclass"]) == ()


def test_a_class_that_is_there_as_it_should_be_needs_nothing() -> None:
    assert isinstance(plan(runtime_class=samples.kata_class()), Nothing)


def test_another_class_of_that_name_is_never_changed() -> None:
    other = RuntimeClass(metadata=Meta(name="kata-qemu"), handler="kata-clh")
    diagnosis = plan(runtime_class=other)
    assert isinstance(diagnosis, Diagnosis)
    assert "handler is kata-clh, not kata-qemu" in diagnosis.why
    assert isinstance(ask("runtimeclass", runtime_class=other), Fail)


def test_only_classes_that_we_manage_are_created() -> None:
    diagnosis = plan("nvidia")
    assert isinstance(diagnosis, Diagnosis)
    assert "nvidia is none of the runtime classes" in diagnosis.why


def test_another_installer_in_the_cluster_owns_its_classes() -> None:
    held = samples.api_node(labels={"kata-deploy.katacontainers.io/default": "true"})
    diagnosis = plan(workers=(held,))
    assert isinstance(diagnosis, Diagnosis)
    assert "somebody else manages Kata" in diagnosis.why


def test_a_rule_that_does_not_allow_it_makes_a_diagnosis() -> None:
    assert isinstance(plan(ceiling=frozenset({Verb.LABEL})), Diagnosis)


def test_the_proof_is_that_the_job_gets_its_pod() -> None:
    there = samples.kata_class()
    assert isinstance(ask("verify-admitted", runtime_class=there), Wait)
    admitted = Job(metadata=JOB.metadata, status=JobStatus(active=1))
    action = ask("verify-admitted", rescued_jobs=(admitted,))
    assert isinstance(action, Done)
    assert action.verdict is Verdict.PROVEN


def test_the_same_refusal_after_the_creation_disproves_at_the_end_of_its_time() -> None:
    refusal = samples.event(
        'pod rejected: RuntimeClass "kata-qemu" not found', samples.NOW + timedelta(seconds=30)
    )
    assert isinstance(ask("verify-admitted", 60, rescued_events=(refusal,)), Wait)
    action = ask("verify-admitted", 421, rescued_events=(refusal,))
    assert isinstance(action, Fail)
    assert action.verdict is Verdict.DISPROVEN


def test_no_further_try_in_time_is_inconclusive() -> None:
    action = ask("verify-admitted", 421)
    assert isinstance(action, Done)
    assert action.verdict is Verdict.INCONCLUSIVE
