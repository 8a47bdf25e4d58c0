"""Whether an object belongs to an IMS job, which job, and where that job builds (domain.md 1.2 and 1.3).

The label `ims-job` alone does not do: CSM 1.4 and 1.5 do not set it, and packer's pods never have it. Names of
pods are no evidence, since anybody may choose one. Whether the job needs Kata is the join's question.
"""

import re
from collections.abc import Iterable
from typing import NewType

from bot.core.objects import Container, Job, Meta, OwnerReference, Pod

JobId = NewType("JobId", str)
"""UUID of an IMS job, lower case."""

_UUID = r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_ACTION = r"(?:create|customize)"
_APP = re.compile(rf"ims-{_UUID}-{_ACTION}")
_JOB = re.compile(rf"cray-ims-{_UUID}-{_ACTION}")
_JOB_NAME_LABELS = ("batch.kubernetes.io/job-name", "job-name")


def is_ims_pod(pod: Pod, namespaces: Iterable[str]) -> bool:
    """A pod that IMS's Job made, on any release of CSM."""
    meta = pod.metadata
    return meta.namespace in namespaces and (_labelled(meta) or _owner(meta) is not None)


def is_ims_job(job: Job, namespaces: Iterable[str]) -> bool:
    """A Job that IMS made: by its name or labels, or by those of its pod template."""
    meta = job.metadata
    return meta.namespace in namespaces and (
        _JOB.fullmatch(meta.name) is not None or _labelled(meta) or _labelled(job.spec.template.metadata)
    )


def job_name(pod: Pod) -> str | None:
    """Name of the Kubernetes Job that owns the pod."""
    owner = _owner(pod.metadata)
    if owner is not None:
        return owner.name
    return next((name for key in _JOB_NAME_LABELS if (name := pod.metadata.label(key))), None)


def job_id(subject: Pod | Job) -> JobId | None:
    """The IMS job's id: from the `app` label, the Job's name, or the containers' `IMS_JOB_ID`."""
    meta, template = subject.metadata, None
    if isinstance(subject, Job):
        name, template = meta.name, subject.spec.template.metadata.label("app")
        containers = subject.spec.template.spec.all_containers
    else:
        name, containers = job_name(subject) or "", subject.spec.all_containers
    for pattern, text in ((_APP, meta.label("app")), (_APP, template), (_JOB, name)):
        if text and (found := pattern.fullmatch(text)):
            return JobId(found["id"])
    from_env = _env(containers, "IMS_JOB_ID")
    return JobId(from_env) if from_env and re.fullmatch(_UUID, from_env) else None


def remote_build_node(containers: Iterable[Container]) -> str | None:
    """The compute node (xname) that builds instead of the pod; Kata cannot fail there."""
    return _env(containers, "REMOTE_BUILD_NODE")


def _labelled(meta: Meta) -> bool:
    app = meta.label("app")
    return meta.label("app.kubernetes.io/name") == "ims-job" or (
        app is not None and _APP.fullmatch(app) is not None
    )


def _owner(meta: Meta) -> OwnerReference | None:
    owners = meta.owner_references or ()
    return next((o for o in owners if o.kind == "Job" and _JOB.fullmatch(o.name)), None)


def _env(containers: Iterable[Container], name: str) -> str | None:
    values = (env.value for c in containers for env in c.env or () if env.name == name)
    return next((value.strip() for value in values if value and value.strip()), None)
