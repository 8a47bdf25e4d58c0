"""How one SSH exec brings back every fact of a node: the script, and the frames in its output.

Each fact is a shell function that prints what it found. The script runs them one after the other, each with
its own cap, and frames what they print in base64, so that no output can be mistaken for another's and a cut
is noticed: a fact's exit code is the last line *inside* its frame and is lost when the frame is cut, and
the last line of all is `end`. A mark comes before the first, because sshd's bash reads root's ~/.bashrc for
a command as well, and that may print a greeting. No temporary files, because a full disk is one of the
things to be found out.

Only a POSIX sh, sed and coreutils are asked for: whether anything else is there is itself a fact.
"""

import base64
import binascii
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.core.errors import UnknownFactError

CAP_BYTES = 384 * 1024
"""Of one fact. The largest are the configuration and its dump (kilobytes in every file seen)."""

ERR_BYTES = 2048

GREETING_BYTES = 64 * 1024
"""What a shell's profile may print before us; more is no greeting but a fault that somebody should hear of."""

_BEGIN = "imsbot-facts"

_PRELUDE = """\
LC_ALL=C
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset CDPATH ENV
cd / || exit 1
exec 3>&1
printf '\\n%s\\n' @BEGIN@
fact() {
  printf '%s\\n' "$1"
  err=$( { out=$( { "fact_$1" </dev/null; printf '\\n%s' "$?"; } | head -c @CAP@ | base64 -w0 )
    printf '%s\\n' "$out" >&3; } 2>&1 | head -c @ERR@ | base64 -w0 )
  printf '%s\\n' "$err"
}
"""


@dataclass(frozen=True, slots=True)
class Output:
    """What one fact's function printed."""

    fact: str
    exit_code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output as UTF-8. Raises UnknownFactError for anything else."""
        try:
            return self.stdout.decode()
        except UnicodeDecodeError as error:
            raise self.unknown(f"it is not UTF-8 text ({error.reason} at byte {error.start})") from error

    @property
    def checked(self) -> str:
        """`text` of a function that ended with 0. Raises UnknownFactError otherwise."""
        if self.exit_code != 0:
            raise self.unknown(f"exit code {self.exit_code}")
        return self.text

    def unknown(self, why: str) -> UnknownFactError:
        """Quotes standard error only: what a fact prints may be a configuration, with its passwords."""
        words = " ".join(self.stderr.split())
        said = f"; the node said: {words[:300]}" if words else ""
        return UnknownFactError(f"fact {self.fact} could not be read: {why}{said}")

    def fields(self, text: str | None = None) -> Mapping[str, str]:
        """`key=value` lines as a mapping. Raises UnknownFactError for a line without `=`."""
        found: dict[str, str] = {}
        for line in (self.checked if text is None else text).splitlines():
            key, equals, value = line.partition("=")
            if not equals:
                raise self.unknown(f"the line {line[:80]!r} is not key=value")
            found[key] = value
        return found

    def need(self, fields: Mapping[str, str], key: str) -> str:
        """Raises UnknownFactError when the node did not print `key`."""
        if key not in fields:
            raise self.unknown(f"{key} is missing in what the node printed")
        return fields[key]

    def number(self, fields: Mapping[str, str], key: str) -> int:
        value = self.need(fields, key)
        try:
            return int(value)
        except ValueError:
            raise self.unknown(f"{key} is {value[:40]!r}, not a number") from None

    def decimal(self, fields: Mapping[str, str], key: str) -> float:
        value = self.need(fields, key)
        try:
            return float(value)
        except ValueError:
            raise self.unknown(f"{key} is {value[:40]!r}, not a number") from None


def render_script(variables: Mapping[str, str], preparation: str, functions: Iterable[tuple[str, str]]) -> str:
    """One POSIX sh script.

    `functions` are (fact, body); `variables` are quoted here and readable in every body, as is what `preparation`
    (shell text) sets.
    """
    prelude = _PRELUDE.replace("@BEGIN@", _BEGIN).replace("@CAP@", str(CAP_BYTES)).replace("@ERR@", str(ERR_BYTES))
    assigned = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    bodies = list(functions)
    defined = "".join(f"fact_{name}() {{\n{body.strip()}\n}}\n" for name, body in bodies)
    called = "".join(f"fact {name}\n" for name, _ in bodies)
    return f"{prelude}{assigned}{preparation}{defined}{called}echo end\n"


def parse_frames(raw: bytes) -> Mapping[str, Output]:
    """Raises UnknownFactError when the output was cut or is not ours."""
    # No frame can hold the mark, so its last place is ours, whatever was printed before.
    greeting, mark, ours = raw.rpartition(f"\n{_BEGIN}\n".encode())
    if len(greeting) > GREETING_BYTES:
        raise UnknownFactError(
            f"root's shell on the node printed {len(greeting)} bytes before the facts: "
            "let its profile (~/.bashrc, /etc/bash.bashrc) print nothing where no terminal is"
        )
    lines = ours.decode("ascii", errors="replace").splitlines()
    if not mark or not lines or lines[-1] != "end" or len(lines) % 3 != 1:
        shown = " ".join(raw.decode(errors="replace").split())[-200:]
        raise UnknownFactError(f"the facts of the node came back incomplete; they end with: {shown!r}")
    frames = [_frame(*lines[i : i + 3]) for i in range(0, len(lines) - 1, 3)]
    return {frame.fact: frame for frame in frames}


def _frame(name: str, out: str, err: str) -> Output:
    try:
        stdout = base64.b64decode(out, validate=True)
        stderr = base64.b64decode(err, validate=True).decode(errors="replace")
    except binascii.Error as error:
        raise UnknownFactError(f"fact {name} could not be read: its frame is damaged ({error})") from error
    body, newline, code = stdout.rpartition(b"\n")
    if not newline or not code.isdigit():
        raise UnknownFactError(f"fact {name} could not be read: its output is larger than {CAP_BYTES} bytes")
    return Output(name, int(code), body, stderr)
