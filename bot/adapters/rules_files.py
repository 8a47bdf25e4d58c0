"""Reads the rule files of a directory: the packaged ones, or those of `rules_dir`.

Only reading and YAML are here; what makes a rule valid is `bot/core/rules.py`.
"""

from pathlib import Path

import yaml

import bot
from bot.core.errors import InputError
from bot.core.rules import RuleSet
from bot.core.rules_proof import parse_rules

_MAX_BYTES = 1024 * 1024
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's is ten times as fast; a start without it is only slower."""


def packaged_rules_dir() -> Path:
    """`rules/` of the source tree, or its copy inside an installed wheel (pyproject.toml, force-include)."""
    package = Path(bot.__file__).parent
    installed = package / "_rules"
    return installed if installed.is_dir() else package.parent / "rules"


def load_rules(directory: Path | None = None) -> RuleSet:
    """Every `*.yaml` of the directory, checked together. Raises InputError that names each fault."""
    directory = directory or packaged_rules_dir()
    try:
        files = sorted(directory.glob("*.yaml"))
        documents = [(file.name, _read(file)) for file in files]
    except OSError as error:
        raise InputError(f"cannot read the rules in {directory}: {error.strerror or error}") from error
    return parse_rules(documents)


def _read(file: Path) -> object:
    raw = file.read_bytes()
    if len(raw) > _MAX_BYTES:
        raise InputError(f"{file}: larger than 1 MiB, which no rule is; is it the right file?")
    try:
        return yaml.load(raw, _LOADER)  # noqa: S506 - both are safe loaders
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())
        raise InputError(f"{file}: not YAML: {where}") from error
