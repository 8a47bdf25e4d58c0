"""The node's program runs on what nodes have: python3.6, and nothing of ours."""

import ast
import sys
from importlib import resources

import pytest

from bot.adapters.ssh.request import PACKAGE

FILES = sorted(path.name for path in resources.files(PACKAGE).iterdir() if path.name.endswith(".py"))
NEWER_THAN_3_6 = {
    "contextvars",
    "dataclasses",
    "graphlib",
    "importlib.metadata",
    "importlib.resources",
    "tomllib",
    "zoneinfo",
}


@pytest.mark.parametrize("name", FILES)
def test_it_is_written_in_the_language_of_python_3_6(name: str) -> None:
    ast.parse((resources.files(PACKAGE) / name).read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("name", FILES)
def test_it_imports_the_standard_library_and_itself(name: str) -> None:
    tree = ast.parse((resources.files(PACKAGE) / name).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    own = {module for module in imported if module == PACKAGE or module.startswith(f"{PACKAGE}.")}
    assert {module for module in imported - own if module.split(".")[0] not in sys.stdlib_module_names} == set()
    assert imported & NEWER_THAN_3_6 == set()
