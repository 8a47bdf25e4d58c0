"""Words without which a pattern cannot match: read from the pattern, looked for before the pattern is tried.

Nearly every Event of a cluster is none of ours, and to say so dozens of patterns would be tried at every layer
of its message. A search for a fixed text takes a hundredth of that. This only ever says "cannot match"; whatever
it is not sure of it leaves to the pattern.

Only words that survive the peeling of layers count (`bot/core/wording.py`): a quote or a line end may be escaped
in the message and plain in the layer, so hints hold neither.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_NO_TEXT = frozenset("bBdDsSwWAZntrfva")
"""Escapes that stand for a class, a place or white space; of other letters and digits we are not sure."""

_OPTIONAL = re.compile(r"[?*]|\{\d*,?\d*\}")
"""A repeat whose least number may be zero. `+` needs what it repeats once, so it only ends a run."""

_OPENING = re.compile(r"\((?:\?(?:P<\w+>|:|(?P<other>.)))?")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)

_FLAGS = frozenset("aiLmsux-")

_SURVIVES_NOT = frozenset('"\n\\')

Hints = tuple[str, ...]
"""Texts of which a match holds at least one."""


@dataclass(slots=True)
class _Branch:
    """One alternative: what each match must hold, and the run of fixed text that is still growing."""

    needs: list[Hints] = field(default_factory=list)
    run: str = ""

    def literal(self, character: str) -> None:
        if character in _SURVIVES_NOT:
            self.gap()
        else:
            self.run += character

    def gap(self) -> None:
        if self.run:
            self.needs.append((self.run,))
            self.run = ""

    def drop_last(self) -> None:
        self.run = self.run[:-1]
        self.gap()

    def best(self) -> Hints:
        """The need whose shortest text is the longest: the rarest, as far as one can tell."""
        self.gap()
        return max(self.needs, key=lambda need: min(map(len, need)), default=())


def hints_of(regex: str) -> Hints:
    """Texts of which each match of `regex` holds at least one; empty when none is certain.

    >>> hints_of('(?:failed|cannot) to launch [a-z]+: .{1,300}')
    (' to launch ',)
    >>> hints_of('(?:toml: |Near line )[0-9]+')
    ('toml: ', 'Near line ')
    """
    try:
        return _Reader(regex).need()
    except _UnsureError:
        return ()


class _UnsureError(Exception):
    """The pattern uses something that this reader does not know."""


class _Reader:
    """Reads a valid pattern once, from left to right."""

    def __init__(self, regex: str) -> None:
        self._regex = regex
        self._at = 0

    def need(self) -> Hints:
        """Of all alternatives up to the end of the group, or of the pattern."""
        each = [branch.best() for branch in self._branches()]
        return tuple(text for hints in each for text in hints) if all(each) else ()

    def _branches(self) -> Iterator[_Branch]:
        branch = _Branch()
        while self._at < len(self._regex) and self._regex[self._at] != ")":
            if self._regex[self._at] == "|":
                self._at += 1
                yield branch
                branch = _Branch()
            else:
                self._read_part(branch)
        yield branch

    def _read_part(self, branch: _Branch) -> None:
        character = self._regex[self._at]
        match character:
            case "(":
                self._read_group(branch)
            case "[":
                self._skip_class()
                branch.gap()
            case "\\":
                self._read_escape(branch)
            case "." | "^" | "$" | "+":
                self._at += 1
                branch.gap()
            case _:
                if repeat := _OPTIONAL.match(self._regex, self._at):
                    self._at = repeat.end()
                    branch.drop_last()
                else:
                    self._at += 1
                    branch.literal(character)

    def _read_escape(self, branch: _Branch) -> None:
        character = self._regex[self._at + 1]
        self._at += 2
        if not character.isalnum():
            branch.literal(character)
        elif character in _NO_TEXT:
            branch.gap()
        else:
            raise _UnsureError

    def _read_group(self, branch: _Branch) -> None:
        """What a group holds is needed when the group is; what a look around holds may not even be there."""
        opening = _OPENING.match(self._regex, self._at)
        assert opening is not None
        if opening["other"] is not None and opening["other"] in _FLAGS:
            raise _UnsureError
        self._at = opening.end()
        inside = self.need()
        self._at += 1
        branch.gap()
        if repeat := _OPTIONAL.match(self._regex, self._at):
            self._at = repeat.end()
        elif opening["other"] is None and inside:
            branch.needs.append(inside)

    def _skip_class(self) -> None:
        found = _CLASS.match(self._regex, self._at)
        assert found is not None
        self._at = found.end()
