"""What a kubelet says about containers: the Events around images, starts and stops, in 1.36's words."""

from __future__ import annotations

from ..api import KubeObject
from .events import EventRecorder

Waiting = tuple[str, str]  # the reason and message of a waiting container


def tell_started(recorder: EventRecorder, pod: KubeObject, container: KubeObject, part: str) -> None:
    """`part` is `initContainers` or `containers`."""
    where = f"spec.{part}{{{container['name']}}}"
    pulled = f'Container image "{container["image"]}" already present on machine and can be accessed by the pod'
    recorder.record(pod, "Normal", "Pulled", pulled, where)
    recorder.record(pod, "Normal", "Created", "Container created", where)
    recorder.record(pod, "Normal", "Started", "Container started", where)


def tell_failed_pull(recorder: EventRecorder, pod: KubeObject, container: KubeObject) -> Waiting:
    image, where = container["image"], f"spec.containers{{{container['name']}}}"
    cause = f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
    recorder.record(pod, "Normal", "Pulling", f'Pulling image "{image}"', where)
    recorder.record(pod, "Warning", "Failed", f'Failed to pull image "{image}": {cause}', where)
    recorder.record(pod, "Warning", "Failed", "Error: ErrImagePull", where)
    return "ErrImagePull", cause


def tell_pull_backoff(recorder: EventRecorder, pod: KubeObject, container: KubeObject) -> Waiting:
    text, where = f'Back-off pulling image "{container["image"]}"', f"spec.containers{{{container['name']}}}"
    recorder.record(pod, "Normal", "BackOff", text, where)
    recorder.record(pod, "Warning", "Failed", "Error: ImagePullBackOff", where)
    return "ImagePullBackOff", text


def tell_killing(recorder: EventRecorder, pod: KubeObject, container: KubeObject) -> None:
    where = f"spec.containers{{{container['name']}}}"
    recorder.record(pod, "Normal", "Killing", f"Stopping container {container['name']}", where)
