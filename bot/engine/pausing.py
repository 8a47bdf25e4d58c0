"""What a person who pauses or resumes the bot is told, at the running bot and at a journal without one alike."""

from bot.core.model import Actor
from bot.core.pause import NO_REASON, REASON_LIMIT, halt_text, way_out
from bot.core.wording import visible
from bot.engine.brake import Brake

Reply = tuple[bool, str]
"""Whether it was done, and a sentence."""


async def pause(brake: Brake, reason: str, actor: Actor) -> Reply:
    """Raises JournalError: then it holds until the program ends, and no longer."""
    await brake.pause(actor, visible(reason.strip(), REASON_LIMIT) or NO_REASON)
    return True, "Paused: no repair starts a new command, also after a restart. `imsbot resume` goes on."


async def resume(brake: Brake, actor: Actor) -> Reply:
    """Raises JournalError: then it is still paused."""
    lifted = await brake.resume(actor)
    if (halt := brake.halt) is not None:
        ended = "The pause of the terminal has ended, but the bot" if lifted else "The bot"
        return False, f"{ended} is still {halt_text(halt)}. What ends that: {way_out(halt)}."
    return (True, "Resumed: repairs go on.") if lifted else (False, "The bot was not paused.")
