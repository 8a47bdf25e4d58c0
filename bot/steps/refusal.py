"""Which refusals of a sandbox speak against the node that is to be proven.

The design says: the same Kata failure on that node (4.1, hop 8). The family of what was seen alone is too narrow
for that. A repair that a person or a sweep asked for has none. One that began without a label has only
`unschedulable-label`, with which no sandbox is refused. And one may cure the first cause and leave a second: a
node whose handler is there and whose shim is not runs no job either, and its label would attract them. Nothing
that the plan has still to do would cure it: the proofs come after every repair, and half a repair is none.

Not here: `ambiguous`, which only the node can judge; `containerd-down`, which is normal for a moment and not
Kata's; `runtimeclass-missing` and `unschedulable-label`, which are the cluster's; `annotation-not-enabled`, which
depends on what a pod asks for. They count where they are what was seen. The jobs that hang are judged by what was
seen alone (`verify_rescued`): they may run on another node, may ask for what the proof did not, and what else they
meet is another incident's after this one.
"""

from typing import Final

from bot.core.model import Family

MISSING: Final = frozenset(
    {
        Family.HANDLER_NOT_CONFIGURED,
        Family.SHIM_MISSING,
        Family.KATA_CONFIG_MISSING,
        Family.KATA_ARTIFACT_MISSING,
    }
)
"""A part of Kata is not there, and none comes by itself."""

UNFIT: Final = MISSING | {
    Family.SHIM_BROKEN,
    Family.KATA_CONFIG_INVALID,
    Family.HYPERVISOR_UNSUPPORTED,
    Family.GUEST_FAILURE,
    Family.CONTAINERD_CONFIG_BROKEN,
}
"""The node does not run Kata. Of a busy node the next try may still succeed."""
