"""Output of a node made fit for journal, card and terminal (design.md invariant 13).

Hostile until shown otherwise: secrets are masked before anything is kept, control and bidirectional characters
become codes, and only the end is kept, which is where a failing command says why.
"""

import re

from bot.core.wording import escaped

MAX_OUTPUT_CHARS = 64 * 1024

_NAME = (
    r"[\w.-]*(?:auth|authorization|passwd|password|passphrase|token|secret|credentials?"
    r"|(?:api|access|private|secret)[-_]?key)"
)
_KEY = rf"(?<![\w./-]){_NAME}[\"']?[ \t]*"
"""Not within a path: `/etc/passwd: Permission denied` holds no secret."""
_QUOTED = r"""(?:"[^"\n]*"|'[^'\n]*')"""
_MASKS = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        "***",
    ),
    (re.compile(r"(?i)\b(Bearer|Basic)[ \t]+[\w.~+/=-]{6,}"), r"\1 ***"),
    (re.compile(r"(://[^\s/:@]*):[^\s/@]+@"), r"\1:***@"),
    # `key: value` of YAML and of headers may go on to the end of its line.
    (re.compile(rf"(?i)({_KEY}=[ \t]*)(?:{_QUOTED}|[^\s,;}}\]]+)"), r"\1***"),
    (re.compile(rf"(?i)({_KEY}:[ \t]*)(?:{_QUOTED}|[^\n,}}\]]+)"), r"\1***"),
    (re.compile(rf"(?i)(?<!\S)(--?{_NAME}[ \t]+)(?!-)\S+"), r"\1***"),
)


def shown_tail(raw: bytes, *, cut: bool = False) -> str:
    """The end of some output: at most 64 Ki characters. `cut` says that `raw` itself begins in the middle.

    A line that was cut is dropped whole: what is left of it may be the value of a key that is gone.
    """
    text = escaped(raw.decode("utf-8", "replace").replace("\r\n", "\n"), keep="\n\t")
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    if len(text) > MAX_OUTPUT_CHARS:
        text, cut = text[-MAX_OUTPUT_CHARS:], True
    if cut and "\n" in text:
        text = "…\n" + text.split("\n", 1)[1]
    return text.rstrip("\n")
