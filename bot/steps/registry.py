"""Every step there is, so that a journaled one can be read back."""

import msgspec

from bot.core.model import PlannedStep
from bot.steps.close_records import CloseLostRecords
from bot.steps.configure import Configure
from bot.steps.cordon import Cordon
from bot.steps.install import Install, Uninstall
from bot.steps.label import Label, Unlabel
from bot.steps.link import Link, Unlink
from bot.steps.reconnect import Reconnect
from bot.steps.restart import Restart, RestartBack
from bot.steps.restore import Restore
from bot.steps.runtimeclass import CreateClass, VerifyAdmitted
from bot.steps.stage import Stage, Unstage
from bot.steps.step import Step
from bot.steps.tune import Tune
from bot.steps.uncordon import Uncordon
from bot.steps.verify_canary import CleanUpCanary, VerifyCanary
from bot.steps.verify_daemonsets import VerifyDaemonSets
from bot.steps.verify_rescued import VerifyRescued
from bot.steps.verify_sandbox import VerifySandbox

AnyStep = (
    Stage
    | Unstage
    | Install
    | Uninstall
    | Link
    | Unlink
    | Tune
    | Configure
    | Restore
    | Restart
    | RestartBack
    | Reconnect
    | CloseLostRecords
    | VerifyDaemonSets
    | Cordon
    | Uncordon
    | Label
    | Unlabel
    | CreateClass
    | VerifyAdmitted
    | VerifySandbox
    | VerifyCanary
    | CleanUpCanary
    | VerifyRescued
)

_decoder: msgspec.json.Decoder[AnyStep] = msgspec.json.Decoder(AnyStep)


def decode(planned: PlannedStep) -> Step:
    """The step that a plan describes. Raises msgspec.ValidationError for one that this program does not know."""
    return _decoder.decode(planned.spec)
