"""How containerd 1.6 finds and starts the shim of a runtime, and in which words it fails.

A found path is kept for the daemon's life, a missing one is looked for again. The shim is really executed, so a
dangling link, a missing execute bit, a foreign architecture and a left-over wrapper script fail by themselves.
"""

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

from errors import CriError, unknown

REFUSED = 65
"""Exit status by which our shims say: started, but the task was refused; the reason is on stderr."""
_TASK = "failed to create containerd task"
_MAPPED_TO_NOT_FOUND = ("not exist", "not found", "no such file")


class Shims:
    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def start(self, runtime: dict, sandbox_id: str, bundle: Path) -> dict:
        """Start the shim in its bundle. Returns what it reports; raises CriError."""
        path = self._resolve(runtime)
        # As containerd does it: the runtime's ConfigPath goes to the shim with the task's options.
        (bundle / "options.json").write_text(json.dumps(runtime.get("options", {})))
        try:
            ran = subprocess.run(
                [
                    path,
                    "-namespace",
                    "k8s.io",
                    "-address",
                    "/run/containerd/containerd.sock",
                    "-id",
                    sandbox_id,
                    "start",
                ],
                cwd=bundle,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "CONFIG_PATH": runtime.get("options", {}).get("ConfigPath", "")},
            )
        except OSError as error:
            reason = {errno.ENOEXEC: "exec format error"}.get(error.errno, (error.strerror or "").lower())
            raise unknown(
                f"{_TASK}: failed to start shim: start failed: : fork/exec {path}: {reason}: unknown"
            ) from None
        said = (ran.stdout + ran.stderr).decode(errors="replace")
        if ran.returncode == REFUSED:
            raise _refused(ran.stderr.decode(errors="replace").strip())
        if ran.returncode != 0:
            raise unknown(
                f"{_TASK}: failed to start shim: start failed: {said}: exit status {ran.returncode}: unknown"
            )
        return json.loads(ran.stdout)

    def _resolve(self, runtime: dict) -> str:
        if custom := runtime.get("runtime_path"):
            try:
                os.stat(custom)
            except OSError as error:
                reason = f"stat {custom}: {(error.strerror or '').lower()}"
                raise unknown(
                    f"{_TASK}: failed to start shim: failed to resolve runtime path: "
                    f"invalid custom binary path: {reason}: unknown"
                ) from None
            return custom
        kind = runtime["runtime_type"]
        if kind not in self._found:
            name = "containerd-shim-" + "-".join(kind.split(".")[-2:])
            # The daemon's working directory and its PATH, then the directory of its own binary, where whatever has
            # the name is taken.
            path = shutil.which(name, path=os.pathsep.join([os.getcwd(), os.environ.get("PATH", "")]))
            beside = f"/usr/local/bin/{name}"
            if path is None and os.path.exists(beside):
                path = beside
            if path is None:
                raise unknown(
                    f"{_TASK}: failed to start shim: failed to resolve runtime path: "
                    f'runtime "{kind}" binary not installed "{name}": file does not exist: unknown'
                )
            self._found[kind] = path
        return self._found[kind]


def _refused(text: str) -> CriError:
    """The Go runtime maps its own texts to a code; containerd 1.x adds the mapped code to the text."""
    if any(part in text.lower() for part in _MAPPED_TO_NOT_FOUND):
        return CriError("NotFound", f"{_TASK}: failed to create shim task: {text}: not found")
    return unknown(f"{_TASK}: failed to create shim task: {text}: unknown")
