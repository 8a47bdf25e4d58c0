"""Environment variables in the arguments of a unit, expanded as systemd does it before exec (systemd.service(5)).

This bites whoever hands a shell script to `systemd-run`: `$$` becomes `$`, `${X}` the *unit's* variable or
nothing, and a word that begins with a single `$` vanishes when its variable is not set. Checked against systemd
252.
"""

import re
from collections.abc import Mapping, Sequence

_BRACED = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)?\}")


def expand(argv: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The words that the program gets; the program's own name is never expanded."""
    words = [argv[0]]
    for word in argv[1:]:
        if word.startswith("$") and word[1:2] not in ("{", "$"):
            words += environment.get(word[1:], "").split()
        else:
            words.append(_BRACED.sub(lambda found: _value(found, environment), word))
    return words


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    return "$" if found[0] == "$$" else environment.get(found[1] or "", "")
