"""What the page makes of mrkdwn, plain text, Markdown and dates; markup only where Slack would have markup."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.sandbox.slack import APPROVER, SlackServer
from tests.sandbox.slack.page.dates import format_moment
from tests.sandbox.slack.page.markdown import render_markdown
from tests.sandbox.slack.page.mrkdwn import render_mrkdwn, render_plain
from tests.sandbox.slack.page.reader import Reader

UTC = ZoneInfo("UTC")


@pytest.fixture
def reader() -> Reader:
    return Reader(APPROVER, UTC, SlackServer().workspace)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _it_ ~gone~", "<p><strong>bold</strong> <em>it</em> <del>gone</del></p>"),
        ("snake_case_name and 2*3*4", "<p>snake_case_name and 2*3*4</p>"),
        ("*two\nlines*", "<p>*two<br>lines*</p>"),
        ("`a *b* <c>`", "<p><code>a *b* &lt;c&gt;</code></p>"),
        ('a &amp;&lt;b&gt; "q"', "<p>a &amp;&lt;b&gt; &quot;q&quot;</p>"),
        ('before\n```x = "1"\n  y```\nafter', "<p>before</p><pre>x = &quot;1&quot;\n  y</pre><p>after</p>"),
        ("> one\n> two\nthree", "<blockquote>one<br>two</blockquote><p>three</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("<javascript:alert(1)|x>", "<p>&lt;javascript:alert(1)|x&gt;</p>"),
        (
            "<https://x.example/a_b_c?q=\"'&amp;r|see *this*>",
            '<p><a href="https://x.example/a_b_c?q=&quot;&#x27;&amp;r" target="_blank" rel="noopener noreferrer">'
            "see *this*</a></p>",
        ),
        ("<@U0THEO>", '<p><span class="mention">@Theo Marchetti</span></p>'),
        ("<@U0MIRA>", '<p><span class="mention loud">@Mira Okafor</span></p>'),
        (
            "<!channel> <!here>",
            '<p><span class="mention loud">@channel</span> <span class="mention loud">@here</span></p>',
        ),
        ("<#C0REPAIRS>", '<p><span class="mention">#ims-repairs</span></p>'),
        ("`<!channel>`", "<p><code>@channel</code></p>"),
        (
            ":x: :no_such_thing: 12:30:45",
            '<p><span class="emoji" title=":x:">\u274c</span> :no_such_thing: 12:30:45</p>',
        ),
        ("forged \ue0000\ue001 mark", "<p>forged 0 mark</p>"),
        ("<!date^1732442100^{date_num} {time}|later>", '<p><time title="UTC">2024-11-24 09:55</time></p>'),
        ("<!date^soon^{time}|a *later* day>", '<p><time title="UTC">a *later* day</time></p>'),
    ],
)
def test_mrkdwn(reader: Reader, text: str, html: str) -> None:
    assert html == render_mrkdwn(text, reader)


def test_plain_text_has_no_markup_but_emoji() -> None:
    expected = '*a* &lt;b&gt;<br><span class="emoji" title=":x:">\u274c</span>'
    assert expected == render_plain("*a* &lt;b&gt;\n:x:")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Title\ntext **b** *i* ~~s~~", "<h4>Title</h4><p>text <strong>b</strong> <em>i</em> <del>s</del></p>"),
        ("- a\n- b\n\n1. c", "<ul><li>a</li><li>b</li></ul><ol><li>c</li></ol>"),
        ("```toml\na = 1\n```\nend", "<pre>a = 1</pre><p>end</p>"),
        ("`<b>`", "<p><code>&lt;b&gt;</code></p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("> q", "<blockquote>q</blockquote>"),
    ],
)
def test_markdown_block(text: str, html: str) -> None:
    assert html == render_markdown(text)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{date}", "November 24, 2024"),
        ("{date_short_pretty} at {time}", "today at 09:55"),
        ("{date_long}", "Sunday, November 24, 2024"),
        ("{time_secs}", "09:55:00"),
        ("{ago}", "2 hours ago"),
        ("{nonsense}", "{nonsense}"),
    ],
)
def test_dates_are_written_for_the_reader(template: str, expected: str) -> None:
    moment, now = datetime(2024, 11, 24, 9, 55, tzinfo=UTC), datetime(2024, 11, 24, 11, 55, tzinfo=UTC)

    assert expected == format_moment(moment, now, template)
