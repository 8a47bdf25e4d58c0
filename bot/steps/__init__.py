"""What can be done to a target: one file per verb, each a pure function from facts to the next action.

Reading order: `step` (what a step is), `planner` (which ones, in which order, and the undo), then the
verbs. `node/` holds the programs that run on a node; `program` hands them over.
"""

from bot.steps.registry import decode
from bot.steps.step import Step

__all__ = ["Step", "decode"]
