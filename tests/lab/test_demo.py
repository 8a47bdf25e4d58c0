"""`make lab-demo` answers by itself and ends well, here on the lab of all tests."""

from __future__ import annotations

from pathlib import Path

from tests.lab.cluster import Lab
from tests.lab.demo.__main__ import perform
from tests.lab.demo.chapters import SETUPS


async def test_every_chapter_of_the_story_ends_as_it_must_on_a_real_cluster(
    running_lab: Lab, tmp_path: Path
) -> None:
    await running_lab.reset(SETUPS)
    assert await perform(running_lab, tmp_path, auto=True)
