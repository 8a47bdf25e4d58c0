"""Equal parts of many cached objects, kept once.

Ten thousand pods come from a handful of templates: the same variables, tolerations, requests, selectors and times
over and over again. Decoded one by one they take 8 kB each, and a quarter of that with their equal parts shared.
Nothing is left out. Sharing is safe because the structs are frozen and nobody changes the few dicts in them.
"""

import sys
from datetime import datetime
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import force_setattr

S = TypeVar("S", bound=Struct)

_REMEMBERED: Final = 4096
"""Parts. Then all are forgotten and found anew: bounded, and what repeats is soon known again."""


class Sharing:
    """Remembers parts by what they are made of: their kind and the identities of their own parts, shared before.

    A remembered part keeps its own parts alive, so their identities cannot come to mean anything else.
    """

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def share(self, obj: S) -> S:
        """`obj` with the parts that earlier ones had as well. It must be new: it is changed in place."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        self._share_fields(obj)
        return obj

    def _share_fields(self, struct: Struct) -> tuple[object, ...]:
        """Replace each field's value; what the struct is made of then."""
        made_of: list[object] = [type(struct)]
        for name in struct.__struct_fields__:
            found = getattr(struct, name)
            shared = self._part(found)
            if shared is not found:
                force_setattr(struct, name, shared)
            made_of.append(id(shared))
        return tuple(made_of)

    def _part(self, value: Any) -> Any:
        """The first part that was equal to `value`; `value` itself, its own parts shared, when it is the first."""
        if value is None:
            return None
        match value:
            case str():
                return sys.intern(value)
            case Struct():
                return self._known.setdefault(self._share_fields(value), value)
            case tuple():
                items = tuple([self._part(item) for item in value])
                return self._known.setdefault((tuple, *map(id, items)), items)
            case dict():
                pairs = tuple([(sys.intern(key), self._part(item)) for key, item in value.items()])
                return self._known.setdefault((dict, *pairs), dict(pairs))
            case datetime():
                return self._known.setdefault(value, value)
            case _:
                return value
