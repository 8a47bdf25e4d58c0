"""The chapters: what is wrong, what a person does about it, how it must end. `play` carries them out.

A chapter is written for any worker that is in the state it tells of; `WORKERS` and `CHAPTERS` are the sandbox's
choice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from tests.sandbox.controllers.objects import Action
from tests.sandbox.demo.stage import Stage
from tests.sandbox.nodes import BARE, CSM_UNIT, UNTUNED, WITHOUT_HANDLER, WITHOUT_KATA, WITHOUT_SHIM
from tests.sandbox.whole import Worker

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


Begin = Callable[[Stage], Awaitable[tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Chapter:
    """`begin` breaks what the chapter is about and creates its jobs, whose names it returns."""

    title: str
    happens: str
    begin: Begin
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


def bare_worker(node: str) -> Chapter:
    async def begin(stage: Stage) -> tuple[str, ...]:
        return (await stage.create_job("create", node),)

    return Chapter(
        title="A worker without Kata",
        happens=f"An IMS job lands on {node}. Handlers, shims and /opt/kata are missing there: its pod hangs.",
        begin=begin,
        about=node,
        answer=Answer.APPROVE,
        ends="Healed",
        intruder=True,
        moral="The same pod started by itself; the owner of the job has nothing to do.",
    )


def swept_worker(node: str) -> Chapter:
    async def begin(stage: Stage) -> tuple[str, ...]:
        return ()

    return Chapter(
        title="A sweep finds it first",
        happens=f"On {node} both shims are missing. No job has failed there yet; somebody asks for a sweep.",
        begin=begin,
        about=node,
        swept=True,
        answer=Answer.APPROVE,
        ends="Healed",
        moral="One card for all that drifted; nobody is asked about a row until somebody picks it.",
    )


def no_runtime_class(node: str) -> Chapter:
    """`node` is ready for Kata."""

    async def begin(stage: Stage) -> tuple[str, ...]:
        await stage.delete_runtime_class()
        return (await stage.create_job("customize", node),)

    return Chapter(
        title="The RuntimeClass is gone",
        happens="Somebody deletes the RuntimeClass kata-qemu: the API refuses the pods of the next job.",
        begin=begin,
        about="kata-qemu",
        answer=Answer.APPROVE,
        ends="Healed",
        moral="An API object was all that was missing: no node was touched.",
    )


def no_label(nodes: Iterable[str]) -> Chapter:
    """`nodes` are all of the cluster's workers; at least one is ready for Kata."""

    async def begin(stage: Stage) -> tuple[str, ...]:
        await stage.label(*nodes, value=None)
        return (await stage.create_job("create"),)

    return Chapter(
        title="No worker wears the label",
        happens="The label katacontainers.io/kata-runtime is gone from every node: no place for Kata.",
        begin=begin,
        about="unschedulable-label",
        answer=Answer.APPROVE,
        ends="Healed",
        moral="The bot picked a worker that is ready for Kata, labelled and proved it; the pod went there.",
    )


def denied_worker(node: str) -> Chapter:
    return Chapter(
        title="A person says no",
        happens=f"On {node} both shims are missing. The plan is sound, but the person on call denies it.",
        begin=_labelled_with_a_job(node),
        about=node,
        answer=Answer.DENY,
        ends="Denied",
        runs=False,
        moral="Nothing was changed, and the bot does not nag: the same plan is not asked again for a day.",
    )


def near_misses(node: str) -> Chapter:
    """`node` is ready for Kata."""

    async def begin(stage: Stage) -> tuple[str, ...]:
        await stage.label(node)
        return await stage.create_near_misses(node)

    return Chapter(
        title="Near misses",
        happens="An image that does not exist, a build that fails, a job that is none of IMS's.",
        begin=begin,
        runs=False,
        moral="No card. Only a failure that Kata on the node explains is one.",
    )


def unit_of_csm(node: str) -> Chapter:
    return Chapter(
        title="Right to refuse",
        happens=f"{node} lacks the handlers too, but its unit is CSM's: a restart kills every container.",
        begin=_labelled_with_a_job(node),
        about=node,
        ends="Diagnosed, not repaired",
        runs=False,
        moral="A diagnosis with what to do, and no button: half a repair is none.",
    )


def halted_repair(node: str) -> Chapter:
    return Chapter(
        title="Stop!",
        happens=f"/opt/kata is gone from {node}. In the middle of the repair somebody pauses the whole bot.",
        begin=_labelled_with_a_job(node),
        about=node,
        halted="CSM is about to be upgraded",
        answer=Answer.APPROVE,
        ends="Healed",
        moral="No new command started while it was paused; resumed, it went on where it was.",
    )


def observed_worker(node: str) -> Chapter:
    """`node` is in a pool that is only observed."""
    return Chapter(
        title="Only observed",
        happens=f"{node} has stock settings. It is in a pool with mode: observe, as all nodes are at first.",
        begin=_labelled_with_a_job(node, "customize"),
        about=node,
        ends="Only observed",
        runs=False,
        moral="The card says what it would do, and has no buttons: nothing is changed by anybody's answer.",
    )


def _labelled_with_a_job(node: str, action: Action = "create") -> Begin:
    async def begin(stage: Stage) -> tuple[str, ...]:
        await stage.label(node)
        return (await stage.create_job(action, node),)

    return begin


CHAPTERS = (
    bare_worker("ncn-w001"),
    swept_worker("ncn-w006"),
    no_runtime_class("ncn-w002"),
    no_label(WORKERS),
    denied_worker("ncn-w004"),
    near_misses("ncn-w002"),
    unit_of_csm("ncn-w005"),
    halted_repair("ncn-w007"),
    observed_worker(OBSERVED),
)
