"""The demo answers by itself and ends well: every family of the story, each in its own way, with one bot."""

from __future__ import annotations

from pathlib import Path

from tests.sandbox.demo.__main__ import perform


async def test_every_chapter_of_the_story_ends_as_it_must(tmp_path: Path) -> None:
    assert await perform(tmp_path, seed=None, pictures=None, auto=True)
