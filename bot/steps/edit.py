"""A change of a text file as hunks between two checksums.

Why not the new file's whole text: a step goes into the journal, and a configuration may hold a registry's
password far from our tables (design.md invariant 13). The hunks hold changed lines only; the node builds
the new file from its own and proves it by the checksum. `node/atomic.py` has the same two operations for
the node's side.
"""

import difflib
import hashlib

from msgspec import Struct


class Hunk(Struct, frozen=True, array_like=True):
    """Lines `start` to `end` (from 0, end excluded) of the old file become `lines`, each with its own line end."""

    start: int
    end: int
    lines: tuple[str, ...]


class Edit(Struct, frozen=True):
    before: str
    """sha256 of the old file."""
    after: str
    """sha256 of the new file."""
    hunks: tuple[Hunk, ...]
    ending: str = ""
    """The line end that the old file's last line lacks, where lines follow it now: the line itself, which may hold
    a secret, did not change."""

    @classmethod
    def between(cls, old: bytes, new: bytes) -> "Edit":
        """Raises UnicodeDecodeError when a changed line is not UTF-8."""
        ending = _ending(old, new)
        a, b = _lines(old + ending), _lines(new)
        opcodes = difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
        hunks = tuple(
            Hunk(start, end, tuple(line.decode() for line in b[first:last]))
            for tag, start, end, first, last in opcodes
            if tag != "equal"
        )
        return cls(_sha256(old), _sha256(new), hunks, ending.decode())

    def apply(self, old: bytes) -> bytes:
        """The new file. Raises ValueError when `old` or the result is not the one that this edit is about."""
        if _sha256(old) != self.before:
            raise ValueError(f"the text to change has sha256 {_sha256(old)}, not {self.before}")
        lines = _lines(old + self.ending.encode())
        for hunk in reversed(self.hunks):
            lines[hunk.start : hunk.end] = [line.encode() for line in hunk.lines]
        new = b"".join(lines)
        if _sha256(new) != self.after:
            raise ValueError(f"the changed text has sha256 {_sha256(new)}, not {self.after}")
        return new


def _ending(old: bytes, new: bytes) -> bytes:
    last = old.rpartition(b"\n")[2]
    if not last or new.rpartition(b"\n")[2] == last:
        return b""
    new_lines = _lines(new)
    return next((end for end in (b"\r\n", b"\n") if last + end in new_lines), b"")


def _lines(content: bytes) -> list[bytes]:
    """Split at line feeds only, ends kept, so that joining gives every byte back."""
    lines = [line + b"\n" for line in content.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
