"""Answers one question of the bot: mint an epoch, start a unit, tell how it ended, or which units run.

`start` hands a command over once and for all time: under the node's lock a complete record takes the unit's
name, and `execute` begins it once. Most commands end at once, so it stays a moment and may tell how it ended.
`collect` closes a name that was never handed over, so that a `start` still on its way in a lost connection finds
the name taken and does nothing. The answer is the last line of the output.
"""
# ruff: noqa: UP006, UP035

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any, Dict, List

from bot.adapters.ssh.node import execute, state
from bot.adapters.ssh.node.state import Record, Trouble

SYSTEMD_S = 30.0
BACKSTOP_S = 30
"""systemd ends a unit this long after the bound that `execute` keeps itself."""
LEFTOVERS_S = 10
"""What a command leaves behind in its cgroup gets this long between SIGTERM and SIGKILL."""
POLL_S = 0.05
TAIL_BYTES = 64 * 1024
KEEP_RECORDS = 200
KEEP_DAYS = 30
RUN = (
    'import json\nm = json.loads(open({!r}, "rb").read().decode("ascii"))\nexec(m["bundle"]["loader"])\ncall(m)\n'
)


def answer(message: Dict[str, Any]) -> None:
    """Does what the request asks for; `execute` is asked by the unit itself and answers nobody."""
    request = message["request"]
    do = request.pop("do")
    root = request.pop("root")
    try:
        state.enter(root)
        if do == "execute":
            execute.execute(request["unit"])
            return
        reply = _asked(do, root, message["bundle"], request)
    except Trouble as trouble:
        reply = {"error": "temporary" if trouble.temporary else "permanent", "why": str(trouble)}
    except OSError as error:
        reply = {"error": "permanent", "why": f"{error.filename or root}: {error.strerror}"}
    print("\n" + json.dumps(reply))


def _asked(do: str, root: str, bundle: Record, request: Record) -> Record:
    if do == "mint":
        return mint(**request)
    if do == "start":
        return start(root, bundle, **request)
    if do == "collect":
        return collect(**request)
    return running()


def mint(at_least: int, holder: str) -> Record:
    with state.locked():
        return {"epoch": state.mint(at_least, holder)}


def start(root: str, bundle: Record, unit: str, linger_s: float, **handed: Any) -> Record:
    reply = hand_over(root, bundle, unit, **handed)
    try:
        return linger(unit, linger_s) or reply
    except (Trouble, OSError):
        # An error would say that nothing runs, and it may; `collect` meets the same trouble and tells it.
        return reply


def hand_over(root: str, bundle: Record, unit: str, epoch: int, spec: Record, stdin: str) -> Record:
    directory = state.unit_dir(unit)
    with state.locked():
        if os.path.exists(directory + "/result") or os.path.exists(directory + "/began"):
            return {"state": "known"}
        if not os.path.exists(directory):
            prune(unit)
            message = {"bundle": bundle, "request": {"do": "execute", "root": root, "unit": unit}}
            run = RUN.format(f"{root}/{directory}/message")
            stage(
                unit,
                spec=state.encode(dict(spec, epoch=epoch)),
                stdin=stdin.encode("utf-8"),
                message=json.dumps(message).encode("ascii"),
                run=run.encode("ascii"),
            )
        try:
            state.check_epoch(epoch)
        except state.Refused as refusal:
            state.write_result(directory, "refused", why=str(refusal))
            return {"state": "refused"}
        if not active(f"{unit}.service"):
            launch(root, unit, spec["timeout_s"])
    return {"state": "started"}


def stage(unit: str, **files: bytes) -> None:
    """Under the lock: the record takes the unit's name whole, or not at all."""
    new = "units/.new"
    shutil.rmtree(new, ignore_errors=True)
    os.mkdir(new, 0o700)
    for name, content in files.items():
        state.write_new(f"{new}/{name}", content)
    state.sync(new)
    os.rename(new, state.unit_dir(unit))
    state.sync("units")


def launch(root: str, unit: str, timeout_s: int) -> None:
    """Under the lock. What systemd does not take over has failed, and never begins later."""
    argv = ["systemd-run", f"--unit={unit}", "--collect", "--quiet", "--description=IMS remediation bot"]
    argv += [
        f"--property=RuntimeMaxSec={timeout_s + BACKSTOP_S}",
        f"--property=TimeoutStopSec={LEFTOVERS_S}",
    ]
    argv += [sys.executable, "-I", "-S", "-B", f"{root}/{state.unit_dir(unit)}/run"]
    try:
        code, words = systemd(argv)
    except Trouble as trouble:
        code, words = 1, str(trouble)
    if code == 0:
        return
    try:
        state.write_result(state.unit_dir(unit), "failed", why=f"systemd did not take it over: {words}")
    except OSError as error:
        # A systemd that was only slow may begin it yet.
        raise Trouble(f"{words}; and {unit} cannot be closed: {error.strerror}", temporary=True) from error


def linger(unit: str, linger_s: float) -> Record:
    """How the unit ended, if it does so soon; else nothing, and nothing is concluded from that."""
    deadline = time.monotonic() + linger_s
    while time.monotonic() < deadline:
        if os.path.exists(state.unit_dir(unit) + "/result"):
            with state.locked():
                if not active(f"{unit}.service"):
                    return settle(unit)
        time.sleep(POLL_S)
    return {}


def collect(unit: str, wait_s: float) -> Record:
    """How the unit ended, for good; or that it still runs after `wait_s`."""
    deadline = time.monotonic() + wait_s
    service = f"{unit}.service"
    result = state.unit_dir(unit) + "/result"
    ask_at = 0.0
    while True:
        now = time.monotonic()
        ended = os.path.exists(result)
        # systemd is asked seldom while the command runs, and soon once it has ended.
        if now >= ask_at or (ended and now >= ask_at - 0.8):
            if not active(service):
                with state.locked():
                    if not active(service):
                        return settle(unit)
            ask_at = now + 1.0
        if now >= deadline:
            return {"state": "running"}
        time.sleep(POLL_S)


def settle(unit: str) -> Record:
    """Under the lock, when systemd knows nothing of the unit."""
    directory = state.unit_dir(unit)
    try:
        result = state.read(directory + "/result")
        began = state.read(directory + "/began")
        if result is None and began is None:
            return close(unit)
    except Trouble as trouble:
        return {"state": "ended", "kind": "unknown", "why": str(trouble)}
    if result is None:
        rebooted = began is not None and began.get("boot") != state.boot_id()
        why = "the node rebooted while it ran" if rebooted else "it was killed before it could tell how it ended"
        return dict(tail(directory), state="ended", kind="unknown", why=why)
    if result["kind"] == "never":
        return {"state": "never"}
    reply = dict(tail(directory), state="ended", kind=result["kind"], exit_code=result.get("exit_code"))
    reply["why"] = result.get("why", "")
    if result.get("lost"):
        reply["output"], reply["cut"] = result["kept"], result["cut"]
        reply["why"] = f"{reply['why']} (its output could not be kept: {result['lost']})".strip()
    return reply


def close(unit: str) -> Record:
    """The name was never handed over, or never began: now it cannot any more."""
    try:
        if os.path.exists(state.unit_dir(unit)):
            state.write_result(state.unit_dir(unit), "never")
        else:
            stage(unit, result=state.encode({"kind": "never"}))
    except OSError as error:
        return {"state": "ended", "kind": "unknown", "why": f"its name cannot be closed: {error.strerror}"}
    return {"state": "never"}


def tail(directory: str) -> Record:
    """The newest output, base64, and whether it begins in the middle."""
    found = b""
    for name in ("output.old", "output"):
        try:
            with open(f"{directory}/{name}", "rb") as file:
                found += file.read()
        except FileNotFoundError:
            continue
    cut = len(found) > TAIL_BYTES or os.path.exists(directory + "/output.old")
    return {"output": base64.b64encode(found[-TAIL_BYTES:]).decode("ascii"), "cut": cut}


def running() -> Record:
    return {"units": [name[: -len(".service")] for name in active("imsbot-*.service")]}


def active(pattern: str) -> List[str]:
    """Services of that name that have not ended. Raises Trouble when systemd cannot be asked."""
    argv = ["systemctl", "list-units", "--all", "--full", "--plain", "--no-legend", "--no-pager", "--type=service"]
    code, words = systemd([*argv, pattern])
    if code != 0:
        raise Trouble(f"systemctl list-units failed: {words}", temporary=True)
    rows = [line.split() for line in words.splitlines()]
    return [row[0] for row in rows if len(row) >= 4 and row[2] not in ("inactive", "failed")]


def systemd(argv: List[str]) -> "tuple[int, str]":
    try:
        done = subprocess.run(  # noqa: S603 # systemd's own tools
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SYSTEMD_S,
            env=dict(os.environ, LC_ALL="C"),
        )
    except subprocess.TimeoutExpired as error:
        raise Trouble(f"{argv[0]} did not answer within {SYSTEMD_S:g} s", temporary=True) from error
    except OSError as error:
        raise Trouble(f"{argv[0]}: {error.strerror}") from error
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


def prune(starting: str) -> None:
    """Forget old records; never those of the incident at hand, and unfinished ones only for their age."""
    found = []
    for name in os.listdir("units"):
        if name.split("-")[:2] != starting.split("-")[:2]:
            ended = os.path.exists(f"units/{name}/result")
            found.append((os.stat("units/" + name).st_mtime, name, ended))
    found.sort(reverse=True)
    oldest = time.time() - KEEP_DAYS * 24 * 3600
    for position, (at, name, ended) in enumerate(found):
        if at < oldest or (ended and position >= KEEP_RECORDS):
            # What cannot be removed now is tried again with the next start.
            shutil.rmtree("units/" + name, ignore_errors=True)
