"""A test sandbox that Kata's own words refuse disproves the repair, whichever way crictl prints them."""

import json
from collections.abc import Callable

import pytest

from bot.adapters.rules_files import load_rules
from bot.core.action import Action, Done, Fail, Outcome, OutcomeKind, Run, Verdict
from bot.core.classify import classify
from bot.core.model import Family
from bot.core.objects import Event
from bot.steps.verify_sandbox import VerifySandbox
from tests.sandbox.nodes.refusals import NOT_FOUND, REFUSALS, TASK, UNKNOWN
from tests.unit.steps import samples

RULES = load_rules()
SANDBOX = "5b2e8d1c0f9a4e7796c3d2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1"
_STARTING = f'{UNKNOWN}failed to start sandbox "{SANDBOX}": {TASK}'
REFUSED = {
    **{name: (refusal.words, refusal.family) for name, refusal in REFUSALS.items()},
    "handler on containerd 2": (
        f'{UNKNOWN}unable to get OCI runtime for sandbox "{SANDBOX}": no runtime for "kata-qemu" is configured',
        Family.HANDLER_NOT_CONFIGURED,
    ),
    "shim on containerd 2": (
        f"{_STARTING}failed to start shim: failed to resolve runtime path: "
        'runtime "io.containerd.kata-qemu.v2" binary not installed "containerd-shim-kata-qemu-v2": '
        "file does not exist",
        Family.SHIM_MISSING,
    ),
    "configuration of the Rust runtime": (
        f"{NOT_FOUND}{TASK}failed to create shim task: "
        r'Others("failed to handle message try init runtime instance\n\nCaused by:\n    0: load config\n    '
        r"1: load TOML config failed (tried [\"/opt/kata/share/defaults/kata-containers/configuration.toml\"])\n"
        r'    2: entity not found"): not found',
        Family.KATA_CONFIG_MISSING,
    ),
    "artifact of kata-deploy's wrapper": (
        f"{UNKNOWN}{TASK}failed to start shim: start failed: /usr/local/bin/containerd-shim-kata-qemu-v2: line 2: "
        "/opt/kata/bin/containerd-shim-kata-v2: No such file or directory\n: exit status 127: unknown",
        Family.SHIM_MISSING,
    ),
}
UNLIKE_KATA = (
    f'{UNKNOWN}failed to setup network for sandbox "{SANDBOX}": cni plugin not initialized',
    f'{UNKNOWN}failed to get sandbox image "registry.local/pause:3.6": failed to pull image: not found',
)


def klog(words: str) -> str:
    """What Kubernetes' own client, within crictl, writes first."""
    said = f'"RunPodSandbox from runtime service failed" err={json.dumps(words)}'
    return f"E0106 13:14:06.938129  462892 remote_runtime.go:193] {said}"


def piped(words: str) -> str:
    """containerd#11169's two lines, the second as minikube#17400 has it: without a terminal."""
    said = json.dumps(f"run pod sandbox: {words}", ensure_ascii=False)
    return f'{klog(words)}\ntime="2025-01-06T13:14:06Z" level=fatal msg={said}\n'


def on_a_terminal(words: str) -> str:
    """As they are in containerd#11169."""
    return f"{klog(words)}\nFATA[0000] run pod sandbox: {words} \n"


def of_before(words: str) -> str:
    """crictl up to 1.18, which said `failed` and had no line of klog's (cri-tools#699)."""
    return f"FATA[0001] run pod sandbox failed: {words}\n"


def debugging(words: str) -> str:
    """With `debug: true` in /etc/crictl.yaml; a sandbox of before could not be removed, either."""
    lines = (
        'time="2025-01-06T13:14:05Z" level=debug msg="get runtime connection"',
        'time="2025-01-06T13:14:05Z" level=fatal msg="listing pod sandboxes: rpc error: code = Unknown desc = no"',
        'time="2025-01-06T13:14:06Z" level=debug msg="RunPodSandboxResponse: "',
    )
    return "\n".join((*lines, piped(words)))


PRINTED = (piped, on_a_terminal, of_before, debugging, str)


def family_of(event: Event) -> Family:
    return classify(event, RULES).family


def ask(outcome: Outcome | None, families: tuple[Family, ...]) -> Action:
    step = VerifySandbox(handler="kata-qemu", incident=samples.INCIDENT, families=families)
    outcomes = {"sandbox": outcome} if outcome else {}
    return step.next(samples.facts(outcomes=outcomes, classify=family_of))


@pytest.mark.parametrize("printed", PRINTED)
@pytest.mark.parametrize("cause", REFUSED)
def test_the_same_failure_stops_the_plan_however_crictl_prints_it(
    cause: str, printed: Callable[[str], str]
) -> None:
    words, family = REFUSED[cause]
    action = ask(Outcome(OutcomeKind.FAILED, 1, printed(words)), (family,))
    assert isinstance(action, Fail), action
    assert Verdict.DISPROVEN is action.verdict
    assert action.why.startswith("the same failure in a test sandbox: rpc error: code = "), action.why


@pytest.mark.parametrize("cause", REFUSED)
def test_a_part_that_is_missing_stops_the_plan_whatever_was_seen_before(cause: str) -> None:
    action = ask(Outcome(OutcomeKind.FAILED, 1, piped(REFUSED[cause][0])), (Family.UNSCHEDULABLE_LABEL,))
    assert isinstance(action, Fail), action
    assert Verdict.DISPROVEN is action.verdict
    assert action.why.startswith("Kata does not run in a test sandbox: rpc error: code = "), action.why


@pytest.mark.parametrize("printed", PRINTED)
@pytest.mark.parametrize("words", UNLIKE_KATA)
def test_what_another_part_refuses_leaves_the_verdict_to_the_canary(
    words: str, printed: Callable[[str], str]
) -> None:
    action = ask(Outcome(OutcomeKind.FAILED, 1, printed(words)), tuple(Family)[:7])
    assert isinstance(action, Done), action
    assert action.verdict is None
    assert words.removesuffix(": not found") in action.evidence


def test_a_sandbox_is_started_once_and_one_that_starts_is_proof_enough_to_go_on() -> None:
    assert isinstance(ask(None, ()), Run)
    assert isinstance(ask(Outcome(OutcomeKind.OK, 0), ()), Done)


def test_a_crictl_that_says_nothing_says_nothing_about_kata() -> None:
    action = ask(Outcome(OutcomeKind.TIMEOUT), (Family.HANDLER_NOT_CONFIGURED,))
    assert isinstance(action, Done)
    assert "no output (timeout)" in action.evidence
