"""Which RuntimeClasses, handlers and shims are ours: the part of Kata that this bot knows how to repair.

A class is Kata's by its handler, not by its name: sites name classes as they like, and upstream has many flavours
(kata-clh, kata-fc, kata-qemu-runtime-rs) for which CSM has neither configuration nor archive.
"""

import re
from dataclasses import dataclass

from bot.core.objects import RuntimeClass
from bot.core.settings import Kata, Kubernetes, Nodes
from bot.core.world import World

HANDLERS = frozenset({"kata", "kata-qemu"})
"""The handlers that we manage (seed procedure; domain.md 2.3)."""

_SHIM = re.compile(r"(?:.*/)?containerd-shim-(?P<type>.+)-v[0-9]+")


@dataclass(frozen=True, slots=True)
class JoinPolicy:
    """What the site's configuration has to say about whose failures are ours."""

    namespaces: tuple[str, ...]
    node_pattern: str
    annotations: frozenset[str]
    """Names in `enable_annotations` that the bot adds, without their prefix."""

    @classmethod
    def of(cls, kubernetes: Kubernetes, nodes: Nodes, kata: Kata) -> "JoinPolicy":
        return cls(kubernetes.ims_namespaces, nodes.name_pattern, frozenset(kata.enable_annotations))


def foreign_class(name: str, world: World) -> str | None:
    """Why the RuntimeClass is not Kata's; by its name only where the object is missing. `None`: it is."""
    known = world.runtime_class(name)
    if isinstance(known, RuntimeClass):
        if known.handler in HANDLERS:
            return None
        return f"RuntimeClass {name} has the handler {known.handler or '(none)'}, which is not ours"
    return None if name in HANDLERS else f"the runtime class {name} is not one of ours"


def foreign_shim(path_or_name: str) -> str | None:
    """Why the shim is another runtime's; `None` for ours and for what is no shim."""
    found = _SHIM.fullmatch(path_or_name)
    if found is None or found["type"] in HANDLERS:
        return None
    return f"the shim {path_or_name} is not one of ours"
