"""The example says itself which keys are needed, and offers nothing that could be mistaken for a site's own."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from bot.config import load_settings
from bot.core.errors import InputError
from bot.core.settings import Settings
from bot.core.settings.repair import Checks

EXAMPLE = (Path(__file__).parents[3] / "config.example.yaml").read_text()
UNLESS_WITHOUT_SLACK = {"slack.channel", "slack.team"}


def required(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Of the sections that are there by themselves."""
    found = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= required(field.annotation, f"{prefix}{name}.")
        elif field.is_required():
            found.add(f"{prefix}{name}")
    return found


def marked() -> set[str]:
    found, section = set(), ""
    for line in EXAMPLE.splitlines():
        if top := re.match(r"([a-z_]+):", line):
            section = top[1]
        if key := re.match(r"  ([a-z_]+):.*# NEEDED", line):
            found.add(f"{section}.{key[1]}")
    return found


@pytest.fixture
def smallest(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Only what is marked, with the example's values."""
    (tmp_path / "key").touch(0o600)
    example, document = yaml.safe_load(EXAMPLE), {}
    for section, key in (name.split(".") for name in marked()):
        value = str(tmp_path / "key") if section == "ssh" else example[section][key]
        document.setdefault(section, {})[key] = value
    return document


def load(tmp_path: Path, document: dict[str, Any]) -> Settings:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_settings(path)


def test_what_is_marked_as_needed_is_what_is_needed(tmp_path: Path, smallest: dict[str, Any]) -> None:
    assert required(Settings) | UNLESS_WITHOUT_SLACK == marked()
    load(tmp_path, smallest)


@pytest.mark.parametrize("name", sorted(UNLESS_WITHOUT_SLACK))
def test_what_slack_needs_is_not_needed_without_it(tmp_path: Path, smallest: dict[str, Any], name: str) -> None:
    section, key = name.split(".")
    del smallest[section][key]
    with pytest.raises(InputError, match=f"{name}: is needed while"):
        load(tmp_path, smallest)
    load(tmp_path, smallest | {"slack": {"enabled": False}})


def test_the_checks_that_can_be_waived_are_all_named() -> None:
    names = get_args(get_args(Checks.model_fields["waive"].annotation)[0])
    comment = EXAMPLE[EXAMPLE.index("  waive:") :].split("\n\n", maxsplit=1)[0]
    assert [] == [name for name in names if name not in comment]


def test_an_archive_is_offered_to_be_filled_in_and_refused_until_it_is(
    tmp_path: Path, smallest: dict[str, Any]
) -> None:
    lines = re.findall(r"^  # (archive:.*|  [a-z0-9_]+: .*)$", EXAMPLE, re.MULTILINE)
    kata = yaml.safe_load("\n".join(lines))
    with pytest.raises(InputError, match=r"kata\.archive\.sha256: is a placeholder"):
        load(tmp_path, smallest | {"kata": kata})
    kata["archive"]["sha256"] = "1" * 64
    assert (archive := load(tmp_path, smallest | {"kata": kata}).kata.archive) is not None
    assert set(kata["archive"]) == set(type(archive).model_fields)
