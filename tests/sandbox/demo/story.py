"""The chapters: what is wrong, what a person does about it, how it must end. `play` carries them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.sandbox.api import NODES, RUNTIMECLASSES
from tests.sandbox.controllers import (
    KATA_LABEL,
    failing_ims_job,
    ims_job,
    other_job,
    unpullable_ims_job,
)
from tests.sandbox.nodes import BARE, CSM_UNIT, UNTUNED, WITHOUT_HANDLER, WITHOUT_KATA, WITHOUT_SHIM
from tests.sandbox.whole import Sandbox, Worker, pinned

WORKERS = {
    "ncn-w001": Worker(BARE),
    "ncn-w002": Worker(),
    "ncn-w003": Worker(),
    "ncn-w004": Worker(WITHOUT_SHIM, kata_label=False),
    "ncn-w005": Worker(CSM_UNIT, kata_label=False),
    "ncn-w006": Worker(WITHOUT_SHIM),
    "ncn-w007": Worker(WITHOUT_KATA, kata_label=False),
    "ncn-w008": Worker(UNTUNED, kata_label=False),
}
"""Two healthy workers and six that are not. Four get their label when their chapter comes: before, nobody expects
them to run Kata; and a denied plan would be asked again as soon as it is another one, as with the label gone."""

OBSERVED = "ncn-w008"
CHANGES = {"pools": {"critical": {"nodes": [OBSERVED], "mode": "observe"}}}
"""Of the bot's configuration."""


PICTURED = {"ncn-w001": Worker(WITHOUT_HANDLER)}
"""Instead, where a picture is taken: a card with everything of it, and still short."""


class Answer(StrEnum):
    """The buttons of a card."""

    APPROVE = "imsbot-approve"
    DENY = "imsbot-deny"
    PICK = "imsbot-pick"
    """Of a row of a sweep's card."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """`begin` breaks what the chapter is about and creates its jobs, whose names it returns."""

    title: str
    happens: str
    begin: Callable[[Sandbox], tuple[str, ...]]
    about: str = ""
    """What the card's headline names; empty: there must be no card."""
    answer: Answer | None = None
    """None: the card has no buttons."""
    ends: str = ""
    """The state that the card shows at last."""
    runs: bool = True
    """Whether the jobs must run to their end."""
    swept: bool = False
    """A sweep finds it before any job fails, and somebody picks it there."""
    halted: str = ""
    """Why somebody pauses the whole bot in the middle of the repair; empty: nobody does."""
    intruder: bool = False
    """Somebody who is no approver tries first."""
    moral: str = ""


def _bare_worker(sandbox: Sandbox) -> tuple[str, ...]:
    return (sandbox.create_job(pinned(ims_job("create"), "ncn-w001")),)


def _no_runtime_class(sandbox: Sandbox) -> tuple[str, ...]:
    sandbox.registry.delete(RUNTIMECLASSES, "kata-qemu")
    return (sandbox.create_job(pinned(ims_job("customize"), "ncn-w002")),)


def _no_shim(sandbox: Sandbox) -> tuple[str, ...]:
    _label(sandbox, "ncn-w004", "true")
    return (sandbox.create_job(pinned(ims_job("create"), "ncn-w004")),)


def _near_misses(sandbox: Sandbox) -> tuple[str, ...]:
    _label(sandbox, "ncn-w002", "true")
    jobs = (
        pinned(unpullable_ims_job(), "ncn-w002"),
        pinned(failing_ims_job(), "ncn-w002"),
        other_job("nightly-report"),
    )
    return tuple(sandbox.create_job(job) for job in jobs)


def _csm_unit(sandbox: Sandbox) -> tuple[str, ...]:
    _label(sandbox, "ncn-w005", "true")
    return (sandbox.create_job(pinned(ims_job("create"), "ncn-w005")),)


def _nothing_fails(sandbox: Sandbox) -> tuple[str, ...]:
    return ()


def _watched_worker(sandbox: Sandbox) -> tuple[str, ...]:
    _label(sandbox, OBSERVED, "true")
    return (sandbox.create_job(pinned(ims_job("customize"), OBSERVED)),)


def _another_worker(sandbox: Sandbox) -> tuple[str, ...]:
    _label(sandbox, "ncn-w007", "true")
    return (sandbox.create_job(pinned(ims_job("create"), "ncn-w007")),)


def _no_label(sandbox: Sandbox) -> tuple[str, ...]:
    for name in WORKERS:
        _label(sandbox, name, None)
    return (sandbox.create_job(ims_job("create")),)


def _label(sandbox: Sandbox, node: str, value: str | None) -> None:
    sandbox.registry.patch(NODES, node, {"metadata": {"labels": {KATA_LABEL: value}}})


CHAPTERS = (
    Chapter(
        title="A worker without Kata",
        happens="An IMS job lands on ncn-w001. Handlers, shims and /opt/kata are missing there: its pod hangs.",
        begin=_bare_worker,
        about="ncn-w001",
        answer=Answer.APPROVE,
        ends="Healed",
        intruder=True,
        moral="The same pod started by itself; the owner of the job has nothing to do.",
    ),
    Chapter(
        title="A sweep finds it first",
        happens="On ncn-w006 both shims are missing. No job has failed there yet; somebody asks for a sweep.",
        begin=_nothing_fails,
        about="ncn-w006",
        swept=True,
        answer=Answer.APPROVE,
        ends="Healed",
        moral="One card for all that drifted; nobody is asked about a row until somebody picks it.",
    ),
    Chapter(
        title="The RuntimeClass is gone",
        happens="Somebody deletes the RuntimeClass kata-qemu: the API refuses the pods of the next job.",
        begin=_no_runtime_class,
        about="kata-qemu",
        answer=Answer.APPROVE,
        ends="Healed",
        moral="An API object was all that was missing: no node was touched.",
    ),
    Chapter(
        title="No worker wears the label",
        happens="The label katacontainers.io/kata-runtime is gone from every node: no place for Kata.",
        begin=_no_label,
        about="unschedulable-label",
        answer=Answer.APPROVE,
        ends="Healed",
        moral="The bot picked a worker that is ready for Kata, labelled and proved it; the pod went there.",
    ),
    Chapter(
        title="A person says no",
        happens="On ncn-w004 both shims are missing. The plan is sound, but the person on call denies it.",
        begin=_no_shim,
        about="ncn-w004",
        answer=Answer.DENY,
        ends="Denied",
        runs=False,
        moral="Nothing was changed, and the bot does not nag: the same plan is not asked again for a day.",
    ),
    Chapter(
        title="Near misses",
        happens="An image that does not exist, a build that fails, a job that is none of IMS's.",
        begin=_near_misses,
        runs=False,
        moral="No card. Only a failure that Kata on the node explains is one.",
    ),
    Chapter(
        title="Right to refuse",
        happens="ncn-w005 lacks the handlers too, but its unit is CSM's: a restart kills every container.",
        begin=_csm_unit,
        about="ncn-w005",
        ends="Diagnosed, not repaired",
        runs=False,
        moral="A diagnosis with what to do, and no button: half a repair is none.",
    ),
    Chapter(
        title="Stop!",
        happens="/opt/kata is gone from ncn-w007. In the middle of the repair somebody pauses the whole bot.",
        begin=_another_worker,
        about="ncn-w007",
        halted="CSM is about to be upgraded",
        answer=Answer.APPROVE,
        ends="Healed",
        moral="No new command started while it was paused; resumed, it went on where it was.",
    ),
    Chapter(
        title="Only observed",
        happens=f"{OBSERVED} has stock settings. It is in a pool with mode: observe, as all nodes are at first.",
        begin=_watched_worker,
        about=OBSERVED,
        ends="Only observed",
        runs=False,
        moral="The card says what it would do, and has no buttons: nothing is changed by anybody's answer.",
    ),
)
