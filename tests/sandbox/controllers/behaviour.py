"""What the containers of a simulated pod do, read from the pod itself.

Annotations steer a demo's near misses; a command that writes `uname -r` to the termination log (as the bot's
canary does) really gets the kernel release of its sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..api import KubeObject

RUN_SECONDS = "sandbox.imsbot/run-seconds"
EXIT_CODE = "sandbox.imsbot/exit-code"
EXIT_REASON = "sandbox.imsbot/exit-reason"
# An image whose tag says so cannot be pulled.
UNPULLABLE_TAG = ":unpullable"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`run_s` of the main containers; `exit_reason` such as `Error` or `OOMKilled`."""

    run_s: float
    exit_code: int
    exit_reason: str


def behaviour_of(pod: KubeObject, default_run_s: float) -> Behaviour:
    annotations = pod["metadata"].get("annotations") or {}
    exit_code = int(annotations.get(EXIT_CODE, "0"))
    run_s = 0.0 if any(reports_kernel(each) for each in pod["spec"]["containers"]) else default_run_s
    return Behaviour(
        run_s=float(annotations.get(RUN_SECONDS, run_s)),
        exit_code=exit_code,
        exit_reason=annotations.get(EXIT_REASON, "Error" if exit_code else "Completed"),
    )


def reports_kernel(container: KubeObject) -> bool:
    return "uname -r" in _command_line(container)


def termination_message(container: KubeObject, kernel_release: str) -> str:
    """What the container left in its termination log; empty when its command does not write there."""
    path = container.get("terminationMessagePath", "/dev/termination-log")
    return f"{kernel_release}\n" if reports_kernel(container) and path in _command_line(container) else ""


def log_text(container: KubeObject, kernel_release: str) -> str:
    return f"{kernel_release}\n" if reports_kernel(container) else ""


def is_unpullable(container: KubeObject) -> bool:
    """True for an image that no registry has."""
    return str(container["image"]).endswith(UNPULLABLE_TAG)


def _command_line(container: KubeObject) -> str:
    return " ".join([*(container.get("command") or ()), *(container.get("args") or ())])
