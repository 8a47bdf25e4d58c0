"""One line of `imsbot check`, and what it says of the files that the configuration names."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    FAIL = "FAIL"
    UNKNOWN = "--"
    """Not looked at, or not answered: neither well nor ill."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One line of the result."""

    what: str
    verdict: Verdict
    found: str


def well(what: str, found: str) -> Checked:
    return Checked(what, Verdict.OK, found)


def failed(what: str, found: object) -> Checked:
    """Of an error with several lines, one."""
    return Checked(what, Verdict.FAIL, "; ".join(str(found).splitlines()))


def not_looked_at(what: str, why: str) -> Checked:
    return Checked(what, Verdict.UNKNOWN, f"not looked at, because {why}")


def files_of(section: str, unusable: Mapping[str, str]) -> str:
    """What is wrong with the files that this section's keys name; empty when nothing is."""
    return "; ".join(f"{key}: {why}" for key, why in unusable.items() if key.startswith(f"{section}."))
