"""The two doors by which people reach the engine: Slack's buttons and the control socket."""

from bot.adapters import control
from bot.core.model import Actor, Digest, IncidentId
from bot.engine import pausing, sweeping
from bot.engine.approvals import Answer, Approvals, Reply
from bot.engine.brake import Brake
from bot.engine.commands import Commands
from bot.engine.sweeps import Sweeps
from bot.views.card import ButtonValue
from bot.views.digest_card import PickValue


def answer_click(approvals: Approvals, button: ButtonValue, approve: bool, actor: Actor) -> tuple[bool, str]:
    answer = Answer(IncidentId(button.incident), Digest(button.digest), approve, actor)
    reply, sentence = approvals.answer(answer)
    return reply is Reply.ACCEPTED, sentence


def answer_pick(commands: Commands, button: PickValue, actor: Actor) -> tuple[bool, str]:
    taken, sentence, _ = commands.pick(button.incident, actor)
    return taken, sentence


async def answer_command(
    commands: Commands, brake: Brake, sweeps: Sweeps, request: control.Request, peer: control.Peer
) -> control.Response:
    """Raises JournalError when what a person said could not be written."""
    actor = peer.actor
    match request.command:
        case "pause":
            return control.Response(*await pausing.pause(brake, request.reason, actor))
        case "resume":
            return control.Response(*await pausing.resume(brake, actor))
        case "sweep":
            return control.Response(*sweeping.sweep(sweeps, actor))
        case "forget":
            return control.Response(*await sweeping.forget(sweeps, request.subject, actor))
        case "approve" | "deny":
            approve = request.command == "approve"
            result = commands.answer(request.subject, request.digest, approve, actor)
        case "repair":
            result = commands.repair(request.subject, actor)
        case "release":
            result = commands.release(request.subject, actor)
        case "abort":
            result = commands.abort(request.subject, actor)
        case _:
            return control.Response(ok=False, text=f"unknown command {request.command!r}")
    ok, text, incident = result
    return control.Response(ok=ok, text=text, incident=incident)
