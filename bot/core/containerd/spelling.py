"""Keys and values as TOML text, in the quotes that a file already uses."""

import re

import tomlkit

from bot.core.containerd.runtimes import Value
from bot.core.containerd.scan import Path

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def spell_key(path: Path, quote: str = '"') -> str:
    """A dotted key; only parts that need quotes get them."""
    return ".".join(part if _BARE.fullmatch(part) else _quoted(part, quote) for part in path)


def spell_value(value: Value, quote: str = '"') -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value, quote)
        case _:
            return f"[{', '.join(_quoted(item, quote) for item in value)}]"


def _quoted(text: str, quote: str) -> str:
    if quote == "'" and "'" not in text and text.isprintable():
        return f"'{text}'"
    return tomlkit.string(text).as_string()
