"""What keeps the shape: sizes, names, and that the map in `bot/__init__.py` names things that exist.

The sizes are more than the design asks for (a module about 250 lines, a function about 40): they are those of the
largest that there are. A ratchet, so that nothing outgrows what is there already; they go down as that does.
"""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import bot
from bot.core import objects

BOT = Path(bot.__file__).parent
MODULES = sorted(p for p in BOT.rglob("*.py") if "node" not in p.relative_to(BOT).parts[1:-1])
FORBIDDEN = {"utils", "common", "helpers", "base", "manager", "processor"}
MODULE_LINES = 300
DECLARATIONS = {"objects.py"}
"""Nothing but declared fields: longer, and still read at a glance."""
FUNCTION_LINES = 48


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(BOT)))
def test_modules_are_small_documented_and_well_named(path: Path) -> None:
    source = path.read_text()
    assert path.stem not in FORBIDDEN
    assert path.name in DECLARATIONS or MODULE_LINES >= source.count("\n"), "split it by what changes together"
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "say what the module is for"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert FUNCTION_LINES >= node.end_lineno - node.lineno + 1, f"{node.name} is too long"


def test_the_map_names_what_exists() -> None:
    assert bot.__doc__ is not None
    for name in re.findall(r"\b(?:core|engine|adapters|steps)/[a-z_/]+", bot.__doc__):
        assert (BOT / name).is_dir() or (BOT / f"{name}.py").is_file(), name


def test_every_field_of_a_cached_object_is_read() -> None:
    """Each is kept 10,000 times."""
    code = "\n".join(path.read_text() for path in BOT.rglob("*.py"))
    read = set(re.findall(r"\.([a-z_]+)\b", code))
    kinds = [kind for kind in vars(objects).values() if isinstance(kind, type) and issubclass(kind, objects.Obj)]
    unread = [f"{kind.__name__}.{name}" for kind in kinds for name in kind.__struct_fields__ if name not in read]
    assert [] == unread


def test_every_test_but_the_lab_s_is_run_when_pytest_is_given_no_path() -> None:
    root = BOT.parent
    listed = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    found = {path.relative_to(root) for path in (root / "tests").rglob("test_*.py")}
    left_out = [path for path in found if not any(path.is_relative_to(each) for each in [*listed, "tests/lab"])]
    assert [] == left_out
