"""How kubelet, containerd, Kata and the Job controller wrap one cause in another, peeled off layer by layer.

The same cause reaches us in many wrappings: each containerd release words them anew, 2.x adds the sandbox's id,
1.x the gRPC code at the end, the Rust runtime a numbered chain (kata-failures.md 1). Rules therefore describe a
cause from its first word on, and are tried at every layer; a cause quoted in the middle of somebody else's
sentence is at the start of none. Nothing here knows which cause means what: that is data, in `rules/`.

Messages are hostile and may have 64 kB (k8s.io/api events/v1): they are cut first, and every pattern here is
anchored and bounded.
"""

import re

MESSAGE_LIMIT = 4096
"""Characters of a message that are looked at. Kubelet's own texts have about 1000 (events/v1: 1 kB)."""

_LAYERS = 24
"""No real message has more than a dozen."""

_SANDBOX_ID = r'(?:"[^"]{0,200}"|[0-9a-f]{12,64})'

_OUTSIDE = (
    # recorder: from the tenth different message of one source, object and reason on
    r"\(combined from similar events\): ",
    # kubelet, now and up to 1.17
    r"Failed (?:to )?create pod sandbox: ",
    r'Failed to inspect image "[^"]{0,300}": ',
    # gRPC
    r"rpc error: code = \w{1,30} desc = ",
    # containerd
    rf"failed to (?:start|create|run) (?:pod )?sandbox(?: container)?(?: task)?(?: {_SANDBOX_ID})?: ",
    rf"(?:failed to get sandbox runtime|unable to get OCI runtime for sandbox {_SANDBOX_ID}): ",
    # controllers that create pods
    r"Error creating: ",
    r"create Pod \S{1,253} in StatefulSet \S{1,253} failed error: ",
    r'pods "[^"]{1,300}" is forbidden: ',
    r"pod rejected: ",
)
_TASK = (
    # containerd 1.2 to 2.x, with and without its sandbox API
    r"failed to create containerd task: ",
    r"failed to create shim(?: task)?: ",
    rf"failed to start (?:shim|new shim for sandbox {_SANDBOX_ID}): ",
    r"failed to resolve runtime path: ",
    r"start failed: (?:: )?",
    # CRI-O
    r"CreateContainer failed: ",
    # Kata's Go runtime: the configuration file that it read; its Rust runtime: how it prints an error
    r'/[^\s:"]{1,300}\.toml: ',
    r'Others\("?',
)
_SHIM = (
    r"rpc error: code = \w{1,30} desc = ",
    r"OCI runtime create failed: ",
    # Kata's Go runtime: its own name, and the VM's launch
    r"io\.containerd\.[\w.-]{1,100}: ",
    r"failed to launch qemu: ",
    # Kata's Rust runtime: an error chain, its causes numbered from 0 when there are several
    r"[^\n]{1,1500}\n\s{0,20}Caused by:\s{1,20}",
    r"\d{1,2}: ",
    r"[^\n]{1,1500}\n\s{1,20}(?=\d{1,2}: )",
)
_BEFORE_TASK = re.compile("|".join((*_OUTSIDE, *_TASK)))
_TASK_BEGINS = re.compile("|".join(_TASK))
_WITHIN_TASK = re.compile("|".join((*_TASK, *_SHIM)))
"""Chains of causes are only believed from a shim; in anybody else's message a numbered line is a quotation."""
_RUST_END = re.compile(r'"\)(?:: [a-z ]{1,30})?$')
_BACKTRACE = "\n\nStack backtrace:"


def causes(message: str) -> tuple[str, ...]:
    """The message and what remains of it each time a wrapper is taken off, outermost first.

    >>> causes("Failed to create pod sandbox: rpc error: code = Unknown desc = it broke")[-1]
    'it broke'
    """
    text, within_task = message[:MESSAGE_LIMIT].strip(), False
    layers = [text]
    while len(layers) < _LAYERS:
        within_task = within_task or _TASK_BEGINS.match(text) is not None
        wrapper = (_WITHIN_TASK if within_task else _BEFORE_TASK).match(text)
        if wrapper is None:
            break
        text = text[wrapper.end() :]
        if wrapper.group().startswith("Others("):
            text = _unquote(text)
        layers.append(text)
    return tuple(layers)


def foreign_runtime(message: str) -> str | None:
    """Whose words they are, when they are not containerd's: the same causes reach us through CRI-O, too."""
    return "CRI-O" if any(layer.startswith("CreateContainer failed: ") for layer in causes(message)) else None


def _unquote(text: str) -> str:
    """The Rust runtime prints its chain with Debug, so quotes and line ends arrive as two characters each."""
    chain = _RUST_END.sub("", text).replace("\\n", "\n").replace('\\"', '"')
    return chain.partition(_BACKTRACE)[0]


def escaped(text: str, keep: str = "") -> str:
    """Every character that does not print as itself as a code, but those in `keep` (invariant 13)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else f"\\u{ord(c):04x}" for c in text)


def visible(text: str, limit: int) -> str:
    """One line fit for people: cut to `limit`, control and bidirectional characters as codes (invariant 13)."""
    shown = escaped(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
