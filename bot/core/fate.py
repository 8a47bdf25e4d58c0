"""What became of the jobs that a repair was for: what their owners must do depends on it, and nothing else."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from bot.core.ims import job_name
from bot.core.objects import Job, Pod
from bot.core.pods import has_sandbox


class Fate(StrEnum):
    RUNS = "runs"
    """A pod of it is past the stage at which Kata can refuse it, or it has ended well."""
    WAITS = "waits"
    LOST = "lost"
    """It failed for good: IMS's Jobs have a backoffLimit of 0, so there is no other pod (domain.md 1.1)."""


class JobFate(Struct, frozen=True):
    job: str
    """Name of the Kubernetes Job."""
    fate: Fate


def job_fates(jobs: Iterable[Job], pods: Sequence[Pod]) -> tuple[JobFate, ...]:
    """Of the Jobs that are there; one that is missing was deleted."""
    return tuple(JobFate(job.metadata.name, _fate(job, pods)) for job in jobs)


def _fate(job: Job, pods: Iterable[Pod]) -> Fate:
    if job.failed:
        return Fate.LOST
    if job.finished:
        return Fate.RUNS
    mine = [pod for pod in pods if job_name(pod) == job.metadata.name]
    return Fate.RUNS if any(has_sandbox(pod) and not is_dead(pod) for pod in mine) else Fate.WAITS


def is_dead(pod: Pod) -> bool:
    """It will never start (again)."""
    return pod.status.phase == "Failed" or pod.metadata.deletion_timestamp is not None


def owners_part(jobs: Iterable[str], reported: tuple[JobFate, ...]) -> str:
    """What the owners of these Jobs must do now, one sentence for each fate; empty without jobs."""
    fates = {each.job: each.fate for each in reported}
    of: dict[Fate | None, list[str]] = {}
    for job in dict.fromkeys(jobs):
        of.setdefault(fates.get(job), []).append(job)
    words = {
        Fate.RUNS: "Nothing to do for the owner of {}.",
        Fate.WAITS: "{} still waits: its owner should look at its events.",
        Fate.LOST: "{} failed for good before the repair was done: its owner must submit it again.",
        None: "{} is gone: its owner must submit it again if it is still wanted.",
    }
    return " ".join(said.format(", ".join(of[fate])) for fate, said in words.items() if fate in of)
