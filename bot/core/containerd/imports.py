"""Which other files a configuration pulls in.

containerd 1.x lets an imported file replace a whole plugin section, and 2.x exits at start when a literal import
is missing although `config dump` accepts it (`kata-failures.md` 5). So a node-side check asks for each literal
path; what the imports do to our tables is judged on the dump. That lists every file that was read, in another
order each time, because containerd keeps them in a map.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from bot.core.containerd.document import read
from bot.core.containerd.rules import import_list
from bot.core.containerd.verdict import CannotMergeError
from bot.core.errors import UnknownFactError

_LIST = re.compile(rb"^imports = \[(.*)\]$", re.MULTILINE)
_NAME = re.compile(rb"""\"(?:[^"\\]|\\.)*\"|'[^']*'""")


@dataclass(frozen=True, slots=True)
class Imports:
    """Paths as containerd resolves them: relative ones against the importing file's directory."""

    literal: tuple[PurePosixPath, ...]
    """Each of them must exist."""
    globs: tuple[PurePosixPath, ...]
    """May match nothing. Only `*` makes a glob in containerd."""


def imports_of(content: bytes, path: PurePosixPath) -> Imports:
    """The imports of the configuration that lies at `path`. Raises `UnknownFactError` when it cannot be read."""
    try:
        listed = import_list(read(content))
    except CannotMergeError as error:
        raise UnknownFactError(f"the imports of {path} are unknown: {error.refused}") from error
    resolved = [path.parent / item for item in listed]
    return Imports(
        literal=tuple(found for found in resolved if "*" not in str(found)),
        globs=tuple(found for found in resolved if "*" in str(found)),
    )


def in_order(dump: bytes) -> bytes:
    """The dump with its imports sorted, so that two of one configuration are the same.

    A list that is not spelled as containerd does it stays as it is. `steps/node/validate.py` does the same.
    """
    found = _LIST.search(dump)
    names = _NAME.findall(found.group(1)) if found else []
    if found is None or b", ".join(names) != found.group(1):
        return dump
    return dump[: found.start(1)] + b", ".join(sorted(names)) + dump[found.end(1) :]
