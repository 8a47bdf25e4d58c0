"""Text for Slack: escaped, cut by what Slack counts, and formatting only where it is ours."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views import mrkdwn as m


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("a  b\n c\t d", "a b c d"),
        ("*b* `c` ~d~", "\u2217b\u2217 \u02bcc\u02bc \u223cd\u223c"),
        (":tada: at 12:30:45", "\ua789tada: at 12:30:45"),
        ("left\u202eright", "left\\u202eright"),
        ("R&D", "R&amp;D"),
    ],
)
def test_plain_words_stay_words(text: str, expected: str) -> None:
    assert expected == m.plain(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask with `imsbot repair x` again", "ask with `imsbot repair x` again"),
        ("`<@U1>` and *b*", "`&lt;@U1&gt;` and \u2217b\u2217"),
        ("one ` only", "one \u02bc only"),
        ("``` fence ``` fence", "\u02bc\u02bc\u02bc fence \u02bc\u02bc\u02bc fence"),
    ],
)
def test_prose_keeps_code_between_backticks(text: str, expected: str) -> None:
    assert expected == m.prose(text)


@given(st.text(max_size=300), st.integers(min_value=3, max_value=120))
def test_no_text_is_longer_than_its_limit_nor_cut_within_an_entity(text: str, limit: int) -> None:
    for found in (m.plain(text, limit), m.prose(text, limit), m.code(text, limit)):
        assert len(found) <= limit
        assert "&" not in found.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert "<" not in found
        assert "\n" not in found


@given(st.lists(st.text(max_size=60), max_size=30), st.integers(min_value=60, max_value=400))
def test_a_block_of_code_is_closed_and_within_its_limit(lines: list[str], limit: int) -> None:
    block = m.code_block(lines, limit)
    assert len(block) <= limit
    assert 2 == block.count("```")
    assert block.startswith("```")
    assert block.endswith("```")


def test_lines_that_do_not_fit_are_counted() -> None:
    assert "a\nb" == m.fit(["a", "b"], 3)
    assert "aaaa\n… 2 more" == m.fit(["aaaa", "bbbb", "cccc"], 13)


def test_a_moment_is_shown_in_the_readers_own_zone() -> None:
    at = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    assert "<!date^1795489200^{date_short_pretty} {time}|2026-11-24 03:00 UTC>" == m.when(at)
    assert "<!date^1795489200^{time}|03:00 UTC>" == m.clock(at)
