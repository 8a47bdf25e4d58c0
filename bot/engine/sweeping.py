"""What a person who asks for a sweep, or has a node forgotten, is told by the running bot."""

from bot.core.model import Actor
from bot.engine.sweeps import Sweeps

Reply = tuple[bool, str]
"""Whether it was done, and a sentence."""


def sweep(sweeps: Sweeps, actor: Actor) -> Reply:
    sweeps.ask(actor)
    told = "its digest card, or without Slack `imsbot incidents` and the log, tells what drifted"
    return True, f"A sweep begins; {told}. Nothing is repaired by it."


async def forget(sweeps: Sweeps, node: str, actor: Actor) -> Reply:
    """Raises JournalError: then it is not forgotten."""
    if not await sweeps.forget(node, actor):
        known = ", ".join(sorted(sweeps.memory.expected)) or "none"
        return False, f"{node} was not expected in any sweep; those that were: {known}"
    still = (
        "A node that carries the Kata label or is listed in nodes.expected is expected again by the next sweep."
    )
    return True, f"Forgotten: {node} was expected by earlier sweeps and is not any more. {still}"
