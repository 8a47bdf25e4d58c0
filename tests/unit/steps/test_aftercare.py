"""After a restart of containerd: who lost its socket gets the new one, and who was Ready is Ready again."""

from collections.abc import Mapping
from datetime import timedelta

from bot.core.action import Action, Api, Done, Fail, Outcome, OutcomeKind, RestartDaemonSet, Wait
from bot.core.facts.sockets import Sockets
from bot.core.model import Plan
from bot.core.objects import Pod
from bot.core.plan import within
from bot.steps import Step
from bot.steps.planner import make_plan
from bot.steps.reconnect import Reconnect
from bot.steps.undo_plan import undo_plan
from bot.steps.verify_daemonsets import VerifyDaemonSets
from tests.unit.steps import samples
from tests.unit.steps.samples import daemon

WATCHER = Reconnect(daemonset="ims/sonar", incident=samples.INCIDENT, timeout_s=300)
OTHERS = VerifyDaemonSets(were_ready=("ims/cni", "ims/csi"), timeout_s=300)
ROLLED = {"restart-daemonset": Outcome(OutcomeKind.OK)}
SETTINGS = samples.settings(restart={"reconnect": ["ims/sonar"]})


def ask(
    step: Step,
    *pods: Pod,
    stale: tuple[str, ...] = (),
    outcomes: Mapping[str, Outcome] | None = None,
    after_s: float = 5,
) -> Action:
    node = samples.node_facts(sockets=Sockets(frozenset(f"p-{name}" for name in stale)))
    facts = samples.facts(
        node,
        cluster=samples.cluster(pods_on_node=pods),
        now=samples.NOW + timedelta(seconds=after_s),
        outcomes=outcomes or {},
    )
    return step.next(facts)


def plan(*pods: Pod) -> Plan:
    facts = samples.facts(samples.unconfigured_node(), cluster=samples.cluster(pods_on_node=pods))
    found = make_plan(samples.situation(facts=facts, settings=SETTINGS))
    assert isinstance(found, Plan)
    return found


def test_a_watcher_that_reaches_containerd_is_left_alone() -> None:
    assert ask(WATCHER, daemon("sonar")) == Done("sonar reaches containerd")


def test_a_watcher_with_the_socket_of_before_is_rolled_anew_once_and_waited_for() -> None:
    action = ask(WATCHER, daemon("sonar"), stale=("sonar-1",))
    assert isinstance(action, Api)
    assert action.change == RestartDaemonSet("ims", "sonar", samples.INCIDENT)
    waiting = [
        ask(WATCHER, daemon("sonar"), stale=("sonar-1",), outcomes=ROLLED),
        ask(WATCHER, outcomes=ROLLED),
        ask(WATCHER, daemon("sonar", ready=False, number=2), outcomes=ROLLED),
    ]
    assert [Wait] * 3 == [type(action) for action in waiting]
    assert ask(WATCHER, daemon("sonar", number=2), outcomes=ROLLED) == Done("sonar reaches containerd")


def test_a_change_of_which_nobody_knows_whether_it_arrived_is_made_again() -> None:
    unknown = {"restart-daemonset": Outcome(OutcomeKind.UNKNOWN)}
    assert isinstance(ask(WATCHER, daemon("sonar"), stale=("sonar-1",), outcomes=unknown), Api)


def test_a_watcher_that_stays_deaf_is_told_and_undoes_nothing() -> None:
    forbidden = {"restart-daemonset": Outcome(OutcomeKind.FAILED, output="daemonsets is forbidden")}
    actions = [
        ask(WATCHER, daemon("sonar"), stale=("sonar-1",), outcomes=forbidden),
        ask(WATCHER, daemon("sonar"), stale=("sonar-1",), outcomes=ROLLED, after_s=301),
        ask(WATCHER, outcomes=ROLLED, after_s=301),
    ]
    for action in actions:
        assert isinstance(action, Fail)
        assert "kubectl rollout restart -n ims daemonset sonar" in action.why
    assert WATCHER.aftercare


def test_pods_that_were_ready_are_waited_for_until_they_are_again() -> None:
    assert isinstance(ask(OTHERS, daemon("cni")), Wait)
    assert isinstance(ask(OTHERS, daemon("cni"), daemon("csi", ready=False)), Wait)
    done = ask(OTHERS, daemon("cni"), daemon("csi", number=2), daemon("was-never", ready=False))
    assert done == Done("all 2 DaemonSet pods that were Ready are Ready")


def test_a_pod_that_does_not_come_back_is_named_and_undoes_nothing() -> None:
    action = ask(OTHERS, daemon("cni"), daemon("csi", ready=False), after_s=301)
    assert isinstance(action, Fail)
    assert "ims/csi" in action.why
    assert "ims/cni" not in action.why


def test_anybody_else_who_holds_the_socket_of_before_is_named() -> None:
    action = ask(
        OTHERS,
        daemon("cni"),
        daemon("csi"),
        daemon("site-exporter"),
        stale=("site-exporter-1",),
    )
    assert isinstance(action, Fail)
    assert "ims/site-exporter-1" in action.why


def test_both_come_between_the_restart_and_the_proof() -> None:
    names = [step.name for step in plan(daemon("sonar"), daemon("cni")).steps]
    assert names[names.index("restart") :][:4] == [
        "restart",
        "reconnect-sonar",
        "verify-daemonsets",
        "verify-sandbox",
    ]


def test_nothing_is_planned_for_what_the_node_does_not_have() -> None:
    names = [step.name for step in plan(samples.pod("cray-ims-2-create-x")).steps]
    assert not [name for name in names if name.startswith(("reconnect", "verify-daemonsets"))]


def test_pods_that_come_and_go_change_nothing_that_was_approved() -> None:
    before, after = (
        plan(daemon("sonar"), daemon("cni")),
        plan(daemon("sonar", number=2), daemon("csi")),
    )
    assert before.digest == after.digest
    assert within(after, before)


def test_an_undo_that_restarts_containerd_has_the_same_aftercare() -> None:
    undo = undo_plan(plan(daemon("sonar"), daemon("cni")), ["cordon", "configure", "restart"])
    assert [step.name for step in undo] == [
        "cordon",
        "undo-configure",
        "undo-restart",
        "undo-reconnect-sonar",
        "verify-daemonsets",
        "uncordon",
    ]
    again = ask(undo[3], daemon("sonar"), stale=("sonar-1",))
    assert isinstance(again, Api)
    assert again.change == RestartDaemonSet("ims", "sonar", f"{samples.INCIDENT}-undo")
