"""Whether the RuntimeClass that is there is the one we would create.

An existing one is never changed: `handler` is immutable, and it may be another tool's. So a difference is a
refusal, and people must see both sides of it.
"""

from collections.abc import Mapping

from bot.core.action import CreateRuntimeClass
from bot.core.objects import RuntimeClass
from bot.core.quantity import parse_quantity


def differences(found: RuntimeClass, wanted: CreateRuntimeClass) -> tuple[str, ...]:
    """One line per field that differs, with both values; empty when they mean the same."""
    overhead = (found.overhead.pod_fixed if found.overhead else None) or {}
    selector = (found.scheduling.node_selector if found.scheduling else None) or {}
    lines: list[str] = []
    if found.handler != wanted.handler:
        lines.append(f"handler is {found.handler}, not {wanted.handler}")
    if _amounts(overhead) != _amounts(wanted.overhead):
        lines.append(f"overhead is {_shown(overhead)}, not {_shown(wanted.overhead)}")
    if selector != wanted.node_selector:
        lines.append(f"nodeSelector is {_shown(selector)}, not {_shown(wanted.node_selector)}")
    return tuple(lines)


def _amounts(overhead: Mapping[str, str | int]) -> dict[str, object]:
    """The server writes quantities back in its own spelling, so their values are compared."""
    return {name: parse_quantity(amount) for name, amount in overhead.items()}


def _shown(values: Mapping[str, str | int]) -> str:
    return ", ".join(f"{key}={values[key]}" for key in sorted(values)) or "none"
