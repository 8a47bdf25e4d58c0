"""The job controller: one pod per Job, its tracking finalizer, and the two ends of a Job.

Sequences and texts follow Kubernetes 1.36 (`recordings`): a refused pod is an Event on the Job and nothing
else; a finished Job first meets its criterion, then gives its pods free, then is Complete or Failed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..api import JOBS, PODS, ApiError, KubeObject, Registry
from ..api.clock import render_time
from .conditions import find_condition, holds
from .events import EventRecorder

FINALIZER = "batch.kubernetes.io/job-tracking"
_BACKOFF_MESSAGE = "Job has reached the specified backoff limit"
_COMPLETE_MESSAGE = "Reached expected number of succeeded pods"


class JobController:
    """`backoff_base_s` doubles with each refusal up to `backoff_limit_s` (1 s and 60 s on real clusters)."""

    def __init__(self, registry: Registry, *, backoff_base_s: float = 1.0, backoff_limit_s: float = 60.0) -> None:
        self._registry = registry
        self._recorder = EventRecorder(registry, "job-controller")
        self._backoff_base_s = backoff_base_s
        self._backoff_limit_s = backoff_limit_s
        self._refused: dict[str, tuple[int, datetime]] = {}
        self._failed: dict[str, set[str]] = {}

    def sync(self) -> float | None:
        """Look at every Job and every pod of one; return when the nearest back-off ends."""
        jobs = {job["metadata"]["uid"]: job for job in self._registry.list(JOBS)}
        owned: dict[str, list[KubeObject]] = {uid: [] for uid in jobs}
        for pod in self._registry.list(PODS):
            owner = _owner_uid(pod)
            if owner in owned:
                owned[owner].append(pod)
            elif owner:
                self._collect_orphan(pod)
        waits = [self._sync_job(job, owned[uid]) for uid, job in jobs.items()]
        return min((wait for wait in waits if wait is not None), default=None)

    def _sync_job(self, job: KubeObject, pods: list[KubeObject]) -> float | None:
        if holds(job, "Complete") or holds(job, "Failed"):
            self._free(pods)
            return None
        uid = job["metadata"]["uid"]
        failed = self._failed.setdefault(uid, set())
        failed.update(pod["metadata"]["uid"] for pod in pods if _is_failed(pod))
        if any(pod["status"].get("phase") == "Succeeded" for pod in pods):
            self._complete(job, pods)
            return None
        if len(failed) > job["spec"]["backoffLimit"]:
            self._fail(job, pods, len(failed))
            return None
        active = [pod for pod in pods if not _is_failed(pod)]
        self._free([pod for pod in pods if _is_failed(pod)])
        wait_s = None if active else self._create_pod(job)
        self._report(job, failed=len(failed))
        return wait_s

    def _create_pod(self, job: KubeObject) -> float | None:
        """Create the Job's pod, or record why not. Returns the seconds until the next try is due."""
        now, uid = self._registry.clock(), job["metadata"]["uid"]
        refusals, due = self._refused.get(uid, (0, now))
        if now < due:
            return (due - now).total_seconds()
        try:
            pod = self._registry.create(PODS, _pod_of(job), job["metadata"]["namespace"])
        except ApiError as error:
            wait_s: float = min(self._backoff_base_s * 2**refusals, self._backoff_limit_s)
            self._refused[uid] = (refusals + 1, now + timedelta(seconds=wait_s))
            self._recorder.record(job, "Warning", "FailedCreate", f"Error creating: {error.message}")
            return wait_s
        self._refused.pop(uid, None)
        text = f"Created pod: {pod['metadata']['name']}"
        self._recorder.record(job, "Normal", "SuccessfulCreate", text)
        return None

    def _report(self, job: KubeObject, *, failed: int) -> None:
        pods = [pod for pod in self._registry.list(PODS) if _owner_uid(pod) == job["metadata"]["uid"]]
        running = [pod for pod in pods if not _is_failed(pod)]
        status = {
            "startTime": job["status"].get("startTime", render_time(self._registry.clock())),
            "active": len(running),
            "failed": failed,
            "ready": sum(holds(pod, "Ready") for pod in running),
        }
        counted = {key: value for key, value in status.items() if value or key == "ready"}
        self._write(job, {**counted, "terminating": 0, "uncountedTerminatedPods": {}})

    def _complete(self, job: KubeObject, pods: list[KubeObject]) -> None:
        succeeded = [pod["metadata"]["uid"] for pod in pods if pod["status"].get("phase") == "Succeeded"]
        base = {"startTime": job["status"].get("startTime"), "terminating": 0, "ready": 0}
        criterion = self._condition("SuccessCriteriaMet", "CompletionsReached", _COMPLETE_MESSAGE)
        uncounted = {"uncountedTerminatedPods": {"succeeded": succeeded}}
        job = self._write(job, {**base, **uncounted, "conditions": [criterion]})
        self._free(pods)
        done = self._condition("Complete", "CompletionsReached", _COMPLETE_MESSAGE)
        final = {
            **base,
            "uncountedTerminatedPods": {},
            "succeeded": len(succeeded),
            "completionTime": done["lastTransitionTime"],
            "conditions": [criterion, done],
        }
        job = self._write(job, final)
        self._recorder.record(job, "Normal", "Completed", "Job completed")

    def _fail(self, job: KubeObject, pods: list[KubeObject], failed: int) -> None:
        """First the target, then, when no pod is terminating any more, the end."""
        target = find_condition(job, "FailureTarget") or self._condition(
            "FailureTarget", "BackoffLimitExceeded", _BACKOFF_MESSAGE
        )
        self._free(pods)
        left = [pod for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]
        base = {
            "startTime": job["status"].get("startTime"),
            "failed": failed,
            "terminating": len(left),
            "uncountedTerminatedPods": {},
            "ready": 0,
        }
        for pod in left:
            if "deletionTimestamp" not in pod["metadata"]:
                self._registry.delete(PODS, pod["metadata"]["name"], pod["metadata"]["namespace"])
        job = self._write(job, {**base, "conditions": [target]})
        if left:
            return
        end = self._condition("Failed", "BackoffLimitExceeded", _BACKOFF_MESSAGE)
        job = self._write(job, {**base, "conditions": [target, end]})
        self._recorder.record(job, "Warning", "BackoffLimitExceeded", _BACKOFF_MESSAGE)

    def _write(self, job: KubeObject, status: KubeObject) -> KubeObject:
        return self._registry.update_status(JOBS, job, status)

    def _condition(self, kind: str, reason: str, message: str) -> KubeObject:
        now = render_time(self._registry.clock())
        return {
            "type": kind,
            "status": "True",
            "lastProbeTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }

    def _free(self, pods: list[KubeObject]) -> None:
        for pod in pods:
            if FINALIZER in (pod["metadata"].get("finalizers") or ()) and _is_counted(pod):
                self._strip(pod)

    def _collect_orphan(self, pod: KubeObject) -> None:
        """Its Job is gone: what the garbage collector and the Job controller do together."""
        if FINALIZER in (pod["metadata"].get("finalizers") or ()):
            self._strip(pod)
        if "deletionTimestamp" not in pod["metadata"]:
            self._registry.delete(PODS, pod["metadata"]["name"], pod["metadata"]["namespace"])

    def _strip(self, pod: KubeObject) -> None:
        left = [each for each in pod["metadata"]["finalizers"] if each != FINALIZER]
        change = {"metadata": {"finalizers": left}}
        self._registry.patch(PODS, pod["metadata"]["name"], change, pod["metadata"]["namespace"])


def _owner_uid(pod: KubeObject) -> str:
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner["kind"] == "Job" and owner.get("controller"):
            uid: str = owner["uid"]
            return uid
    return ""


def _is_failed(pod: KubeObject) -> bool:
    """Since Kubernetes 1.26 a deleted pod that has not succeeded counts as failed at once."""
    phase = pod["status"].get("phase")
    return phase == "Failed" or (phase != "Succeeded" and "deletionTimestamp" in pod["metadata"])


def _is_counted(pod: KubeObject) -> bool:
    return _is_failed(pod) or pod["status"].get("phase") == "Succeeded"


def _pod_of(job: KubeObject) -> KubeObject:
    template, metadata = job["spec"]["template"], job["metadata"]
    own = template.get("metadata") or {}
    return {
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "labels": own.get("labels"),
            "annotations": own.get("annotations"),
            "finalizers": [FINALIZER],
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": template["spec"],
    }
