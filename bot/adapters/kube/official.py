"""The part of the official `kubernetes` package that we use, without the rest of it.

To import anything of it runs the package's own `__init__`, and that imports both of its clients with requests,
oauthlib, websocket and 300 modules more: 11 MiB in a process that holds 85, and a third of a second of every
command. Reading a kubeconfig needs none of them. So the two outer packages are made known without being run;
modules inside them are found and run as ever.
"""

import sys
from importlib.util import find_spec, module_from_spec
from typing import Final

_OUTER: Final = ("kubernetes", "kubernetes.aio")


def know_official_package() -> None:
    """Call it before an import of `kubernetes.aio.config`; a package that was imported before stays as it is."""
    for name in _OUTER:
        if name not in sys.modules:
            spec = find_spec(name)
            assert spec is not None, f"the package {name} is a dependency"
            sys.modules[name] = module_from_spec(spec)
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, sys.modules[name])
