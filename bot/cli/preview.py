"""`imsbot preview FILE`: what the configure step would do to a containerd configuration, without a node.

Only standard output carries the result, so it can be piped: the diff (secrets masked), or with `--output toml` the
whole merged file byte for byte. Warnings and refusals go to standard error. Nothing to do prints nothing (as JSON
it says so).

Exit codes: 0 merged or nothing to do; 2 refused, or the file cannot be read.
"""

import json
import sys
from pathlib import Path
from typing import BinaryIO, TextIO

from bot.cli.options import PreviewOutput
from bot.core.containerd.diff import added_lines, unified_diff
from bot.core.containerd.document import MAX_BYTES
from bot.core.containerd.merge import merge
from bot.core.containerd.verdict import Merged, Refused, Unchanged, visible
from bot.core.errors import InputError

STDIN = "-"
EXIT_OK = 0
EXIT_BAD_INPUT = 2


def preview(file: str, output: PreviewOutput, source: BinaryIO, out: BinaryIO, err: TextIO) -> int:
    """Merges `file` (`-`: `source`) and writes the result to `out`; returns the exit code."""
    name = "standard input" if file == STDIN else visible(file)
    try:
        verdict = merge(_read(file, source))
    except InputError as error:
        print(error, file=err)
        return EXIT_BAD_INPUT
    if isinstance(verdict, Refused):
        print(f"{name}: {verdict}", file=err)
        return EXIT_BAD_INPUT
    for warning in verdict.warnings:
        print(f"{name}: warning: {warning}", file=err)
    out.write(_rendered(verdict, output, name))
    out.flush()
    return EXIT_OK


def preview_file(file: str, output: PreviewOutput) -> int:
    """`preview` of the process's own streams."""
    return preview(file, output, sys.stdin.buffer, sys.stdout.buffer, sys.stderr)


def _read(file: str, source: BinaryIO) -> bytes:
    """At most one byte more than a merge accepts, so that a device or a huge log ends here too."""
    try:
        if file == STDIN:
            return source.read(MAX_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            f"{visible(file)}: cannot be read: {reason}; give the path of a config.toml, or -"
        ) from error


def _rendered(verdict: Merged | Unchanged, output: PreviewOutput, name: str) -> bytes:
    match output, verdict:
        case PreviewOutput.JSON, _:
            return f"{json.dumps(_document(verdict, name))}\n".encode()
        case PreviewOutput.TOML, Merged(after=after):
            return after
        case PreviewOutput.DIFF, Merged():
            return "".join(f"{line}\n" for line in unified_diff(verdict, name)).encode()
        case _:
            return b""


def _document(verdict: Merged | Unchanged, name: str) -> dict[str, object]:
    merged = verdict if isinstance(verdict, Merged) else None
    return {
        "file": name,
        "result": "merged" if merged else "unchanged",
        "schema": verdict.schema,
        "added": list(merged.added) if merged else [],
        "added_lines": list(added_lines(merged)) if merged else [],
        "warnings": list(verdict.warnings),
    }
