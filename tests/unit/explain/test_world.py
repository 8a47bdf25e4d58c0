"""Not there and not known are two answers, also where one world lies over another."""

from decimal import Decimal

import pytest

from bot.core.objects import Node, Pod
from bot.core.quantity import parse_quantity
from bot.core.world import Missing, Objects
from tests.unit.explain.cases import built, said

POD = said(built({"base": "pod"})).object
NODE = said(built({"base": "node"})).object
NAME = ("ims", POD.metadata.name)


def test_an_object_is_unknown_until_its_kind_was_listed() -> None:
    world = Objects()
    assert Missing.UNKNOWN is world.pod(*NAME)
    assert Missing.UNKNOWN is world.nodes()
    world.mark_listed((Pod, Node))
    assert Missing.ABSENT is world.pod(*NAME)
    assert () == world.nodes()


def test_a_deleted_object_is_absent() -> None:
    world = Objects()
    world.put(POD)
    assert POD == world.pod(*NAME)
    world.remove(POD)
    assert Missing.ABSENT is world.pod(*NAME)
    assert () == world.pods()


def test_the_upper_world_answers_first_and_alone_for_kinds_that_it_lists() -> None:
    below = Objects()
    below.put(POD)
    below.put(NODE)
    above = Objects().over(below)
    assert POD == above.pod(*NAME)
    above.mark_listed((Pod,))
    assert Missing.ABSENT is above.pod(*NAME)
    assert (NODE,) == above.nodes()
    assert () == above.pods()


def test_what_the_upper_world_deleted_is_not_found_below() -> None:
    below = Objects()
    below.put(POD)
    above = Objects(below)
    above.remove(POD)
    assert Missing.ABSENT is above.pod(*NAME)
    assert () == above.pods()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8Gi", 8 * 1024**3),
        ("500m", Decimal("0.5")),
        (2, 2),
        ("1e3", 1000),
        ("1407764Ki", 1407764 * 1024),
        ("1.5G", 1500000000),
    ],
)
def test_quantities_are_numbers(text: str | int, expected: int | Decimal) -> None:
    assert Decimal(expected) == parse_quantity(text)


@pytest.mark.parametrize("text", ["", "eight", "8Gib", "1 Gi", "--1"])
def test_what_is_no_quantity_has_no_number(text: str) -> None:
    assert parse_quantity(text) is None
