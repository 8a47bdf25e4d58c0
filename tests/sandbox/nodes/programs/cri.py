"""CRI of a simulated worker: pod sandboxes by what containerd has loaded and what lies on the node now.

A sandbox is a bundle on disk with its shim's address file, as with containerd 1.6, so sandboxes outlive a restart
of the daemon, unless something deletes the address files in between: then a reload finds dead shims and cleans up.
"""

import contextlib
import fnmatch
import json
import os
import secrets
import shutil
import signal
import threading
import time
from pathlib import Path

import effective
from errors import CriError, unknown
from shims import Shims

TASKS = Path("/run/containerd/io.containerd.runtime.v2.task/k8s.io")
_RUNC = "io.containerd.runc.v2"


class CriService:
    """`dump` is the effective configuration at the daemon's start."""

    def __init__(self, dump: dict) -> None:
        self._dump = dump
        self._failure = effective.cri_failure(dump)
        self._shims = Shims()
        self._lock = threading.Lock()
        self._killed: list[dict] = []

    def call(self, method: str, params: dict) -> object:
        """Raises CriError; `Unimplemented` for everything when the plugin did not load."""
        if method == "Killed":
            return self._killed
        if self._failure is not None:
            raise CriError("Unimplemented", "unknown service runtime.v1.RuntimeService")
        methods = {
            "Status": lambda: self._dump,
            "ListPodSandbox": self._list,
            "RunPodSandbox": lambda: self._run(params["config"], params.get("runtime_handler", "")),
            "StopPodSandbox": lambda: self._stop(params["id"]),
            "RemovePodSandbox": lambda: self._remove(params["id"]),
            "ForgetPod": lambda: self._forget(params["uid"]),
        }
        return methods[method]()

    def reload(self) -> None:
        """What a daemon does first: adopt the shims whose address file is there, kill and forget the others."""
        for bundle in sorted(TASKS.glob("*")):
            if not (bundle / "address").exists():
                self._killed.append(_record(bundle))
                shutil.rmtree(bundle)
        if self._failure is not None:
            print(f'level=warning msg="failed to load plugin {effective.CRI}" error="{self._failure}"', flush=True)

    def _run(self, config: dict, handler: str) -> dict:
        metadata = config["metadata"]
        name = "_".join(str(metadata.get(key, 0)) for key in ("name", "namespace", "uid", "attempt"))
        with self._lock:
            for other in self._list():
                if other["name"] == name:
                    raise unknown(
                        f'failed to reserve sandbox name "{name}": name "{name}" is reserved for "{other["id"]}"'
                    )
            runtime = self._runtime(handler)
            sandbox_id = secrets.token_hex(32)
            bundle = TASKS / sandbox_id
            bundle.mkdir(parents=True)
            try:
                return self._start(runtime, handler, config, name, bundle)
            except BaseException:
                shutil.rmtree(bundle)
                raise

    def _runtime(self, handler: str) -> dict:
        known = effective.runtimes(self._dump)
        name = handler or effective.default_runtime(self._dump)
        if name not in known:
            raise unknown(f'failed to get sandbox runtime: no runtime for "{handler}" is configured')
        return known[name]

    def _start(self, runtime: dict, handler: str, config: dict, name: str, bundle: Path) -> dict:
        patterns = runtime.get("pod_annotations", [])
        passed = {
            key: value
            for key, value in config.get("annotations", {}).items()
            if any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)
        }
        (bundle / "config.json").write_text(json.dumps({"ociVersion": "1.0.2-dev", "annotations": passed}))
        started = {"address": f"unix:///run/containerd/s/{bundle.name}", "kernel": os.uname().release, "pid": 0}
        if runtime["runtime_type"] != _RUNC:
            started = self._shims.start(runtime, bundle.name, bundle)
        record = {
            "id": bundle.name,
            "name": name,
            "metadata": config["metadata"],
            "annotations": config.get("annotations", {}),
            "labels": config.get("labels", {}),
            "runtimeHandler": handler,
            "createdAt": time.time_ns(),
            "state": "SANDBOX_READY",
            "kernel": started["kernel"],
            "pid": started["pid"],
        }
        (bundle / "sandbox.json").write_text(json.dumps(record))
        (bundle / "address").write_text(started["address"])
        return record

    def _list(self) -> list[dict]:
        return [_record(bundle) for bundle in sorted(TASKS.glob("*")) if (bundle / "sandbox.json").exists()]

    def _stop(self, sandbox_id: str) -> str:
        bundle = self._bundle(sandbox_id)
        record = _record(bundle)
        if record["pid"]:
            with contextlib.suppress(ProcessLookupError):  # stopped before, or it died by itself
                os.kill(record["pid"], signal.SIGKILL)
        (bundle / "sandbox.json").write_text(json.dumps({**record, "pid": 0, "state": "SANDBOX_NOTREADY"}))
        return record["id"]

    def _remove(self, sandbox_id: str) -> str:
        bundle = self._bundle(sandbox_id)
        record = _record(bundle)
        if record["state"] == "SANDBOX_READY":
            raise unknown(f'failed to remove sandbox "{record["id"]}": sandbox is in READY state')
        shutil.rmtree(bundle)
        return record["id"]

    def _forget(self, uid: str) -> None:
        """A kubelet's stop and remove of every sandbox of a pod; it waits for a start that is under way."""
        with self._lock:
            for record in self._list():
                if record["metadata"]["uid"] == uid:
                    self._stop(record["id"])
                    self._remove(record["id"])

    def _bundle(self, prefix: str) -> Path:
        """By a unique beginning of the id, as crictl allows."""
        found = [bundle for bundle in TASKS.glob("*") if bundle.name.startswith(prefix)]
        if len(found) != 1:
            raise CriError("NotFound", f'an error occurred when try to find sandbox "{prefix}": not found')
        return found[0]


def _record(bundle: Path) -> dict:
    return json.loads((bundle / "sandbox.json").read_text())
