"""Change two values of Kata's configuration, every comment and every other line untouched.

By lines and not by a TOML library: the file is mostly comments, and what must not happen to them is easiest to
prove when only the lines of the two keys are replaced. The result is parsed and compared before it is believed.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.items import Item

from bot.core.facts.kata_config import qemu_section

ANNOTATIONS = "enable_annotations"
BACKEND = "file_mem_backend"
_HEADER = re.compile(r"^\s*\[\s*hypervisor\s*\.\s*qemu\s*\]\s*(#.*)?$")
_ANY_HEADER = re.compile(r"^\s*\[")


def tuned(content: bytes, annotations: Sequence[str], backend: str | None) -> bytes:
    """With the missing annotations added and the backend set. Raises ValueError when that is not safe."""
    section = qemu_section(content)
    wanted: dict[str, Any] = {}
    enabled = list(section.get(ANNOTATIONS, []))
    if missing := [name for name in annotations if name not in enabled]:
        wanted[ANNOTATIONS] = [*enabled, *missing]
    if backend and section.get(BACKEND) != backend:
        wanted[BACKEND] = backend
    lines = content.decode().splitlines(keepends=True)
    for key, value in wanted.items():
        lines = _with_value(lines, key, value)
    new = "".join(lines).encode()
    _require_only(content, new, wanted)
    return new


def _with_value(lines: list[str], key: str, value: Any) -> list[str]:
    """Raises ValueError."""
    header = next((i for i, line in enumerate(lines) if _HEADER.match(line)), None)
    if header is None:
        raise ValueError("there is no line [hypervisor.qemu]")
    ending = "\r\n" if lines[header].endswith("\r\n") else "\n"
    found = _extent(lines, header + 1, key)
    if found is None:
        return [*lines[: header + 1], f"{key} = {json.dumps(value)}{ending}", *lines[header + 1 :]]
    start, end = found
    item = tomlkit.parse("".join(lines[start:end])).item(key)
    assert isinstance(item, Item), "a single assignment is no table in pieces"
    trivia = item.trivia
    text = f"{trivia.indent}{key} = {json.dumps(value)}{trivia.comment_ws}{trivia.comment}{ending}"
    return [*lines[:start], text, *lines[end:]]


def _extent(lines: list[str], begin: int, key: str) -> tuple[int, int] | None:
    """The lines [start, end) of `key = value`, which may be an array over many lines."""
    assignment = re.compile(rf"^\s*(?:{key}|\"{key}\"|'{key}')\s*=")
    for start in range(begin, len(lines)):
        if _ANY_HEADER.match(lines[start]):
            return None
        if not assignment.match(lines[start]):
            continue
        for end in range(start + 1, len(lines) + 1):
            try:
                tomllib.loads("".join(lines[start:end]))
            except tomllib.TOMLDecodeError:
                continue
            return start, end
    return None


def _require_only(old: bytes, new: bytes, wanted: Mapping[str, Any]) -> None:
    expected = tomllib.loads(old.decode())
    expected["hypervisor"]["qemu"].update(wanted)
    try:
        found = tomllib.loads(new.decode())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the edited configuration is not valid ({error})") from error
    if found != expected:
        raise ValueError("the edit would change more than " + " and ".join(wanted))
