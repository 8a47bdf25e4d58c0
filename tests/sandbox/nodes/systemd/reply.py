"""What a client of the service manager prints, and systemd's sentences about jobs that failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from getopt import GetoptError

VERSION = "systemd 252 (252.38-1~deb12u1)\n"
_WHY = {
    "exit-code": "the control process exited with error code",
    "timeout": "a timeout was exceeded",
    "signal": "a fatal signal was delivered to the control process",
    "protocol": "the service did not take the steps required by its unit configuration",
}


@dataclass(slots=True)
class Reply:
    """What the client prints and exits with."""

    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""


def refused_option(program: str, arguments: Sequence[str], error: GetoptError) -> Reply:
    """In the words of C's getopt, which repeats a long option as it was written, its value included."""
    if len(error.opt) == 1:
        return Reply(1, stderr=f"{program}: invalid option -- '{error.opt}'\n")
    written = next((word for word in arguments if word.startswith(f"--{error.opt}")), f"--{error.opt}")
    return Reply(1, stderr=f"{program}: unrecognized option '{written}'\n")


def job_failure(name: str, result: str) -> str:
    """What a client prints when the job it waited for has failed."""
    see = f'See "systemctl status {name}" and "journalctl -xeu {name}" for details.\n'
    if result == "start-limit-hit":
        return (
            f"Job for {name} failed because start of the service was attempted too often.\n{see}"
            f'To force a start use "systemctl reset-failed {name}"\nfollowed by "systemctl start {name}" again.\n'
        )
    if result == "canceled":
        return f"Job for {name} canceled.\n"
    return f"Job for {name} failed because {_WHY.get(result, 'of an unknown reason')}.\n{see}"
