"""Makes the modules of a message importable under their own names, and hands it to `control`.

Runs without any file on the node: its source travels in the message.
"""

import sys
import types
from typing import Any


def call(message: Any) -> None:
    """The modules come in the order in which they import each other."""
    name = message["bundle"]["package"]
    package = sys.modules[name] = types.ModuleType(name)
    for module_name, source in message["bundle"]["modules"]:
        module = types.ModuleType(f"{name}.{module_name}")
        sys.modules[module.__name__] = module
        setattr(package, module_name, module)
        exec(compile(source, module.__name__, "exec"), module.__dict__)  # noqa: S102 # that is what it is for
    sys.modules[f"{name}.control"].answer(message)
