"""Files that nobody thought of: any bytes get an answer, and whatever is merged is only extended."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.containerd.merge import merge
from bot.core.containerd.scan import scan
from bot.core.containerd.verdict import Merged, Refused, Unchanged
from tests.unit.containerd.cases import ALL, MERGED, Case, named
from tests.unit.containerd.invariants import PLUGIN, assert_faithful

QUICK = settings(max_examples=150)
CONTENTS = [case.content for case in ALL]
FRAGMENTS = st.sampled_from(
    [
        *(b"[", b"]", b"{", b"}", b'"', b"'", b'"""', b"'''", b"\\", b"#", b".", b"=", b"\n", b"\r\n", b"\r"),
        *(b"\0", b"\xff", b"\xef\xbb\xbf", b"nan", b"1979-05-27", b"a.b.c", b"[[plugins]]", b"version = 2\n"),
    ]
)


@given(st.binary(max_size=300))
@QUICK
def test_any_bytes_get_an_answer(content: bytes) -> None:
    assert isinstance(merge(content), Merged | Unchanged | Refused)


@given(st.sampled_from(CONTENTS), st.integers(0, 2000), st.integers(0, 40), st.lists(FRAGMENTS, max_size=4))
@QUICK
def test_a_damaged_file_is_refused_or_still_only_extended(
    content: bytes, place: int, cut: int, pieces: list[bytes]
) -> None:
    place %= len(content) + 1
    damaged = content[:place] + b"".join(pieces) + content[place + cut :]
    verdict = merge(damaged)
    if isinstance(verdict, Merged):
        assert damaged == verdict.before
        assert isinstance(merge(verdict.after), Unchanged)
    if isinstance(verdict, Refused):
        assert str(verdict).isprintable()


@st.composite
def _configurations(draw: st.DrawFn) -> bytes:
    """A valid file of schema 2 or 3 with a default runtime: tables in any order, written in any style."""
    version = draw(st.sampled_from([2, 3]))
    quote = draw(st.sampled_from(['"', "'"]))
    dot = draw(st.sampled_from([".", " . "]))
    plugin = dot.join(["plugins", f"{quote}{PLUGIN[version]}{quote}", "containerd"])
    indent = draw(st.sampled_from(["", "  ", "\t"]))
    runc = draw(
        st.sampled_from(
            [
                f'{indent}[{plugin}.runtimes.runc]\n{indent}{indent}runtime_type = "io.containerd.runc.v2"',
                f'[{plugin}.runtimes]\nrunc.runtime_type = "io.containerd.runc.v2"',
                f'[{plugin}.runtimes]\nrunc = {{ runtime_type = "io.containerd.runc.v2" }}',
                f'[{plugin}.runtimes.runc]\nruntime_type = """io.containerd.runc.v2"""',
            ]
        )
    )
    others = draw(
        st.lists(
            st.sampled_from(
                [
                    '[debug]\nlevel = "info" # why',
                    f"[{plugin}.runtimes.runsc]\n# none",
                    f"{indent}[{plugin}.runtimes.runc.options]\n{indent}SystemdCgroup = true\n# above",
                    f'[{plugin}.runtimes.kata-qemu]\nruntime_path = "/x"\n{indent}# more',
                    f'[{plugin}.runtimes.kata-qemu.options]\nConfigBody = """\n[kata]\n"""',
                    f'[{plugin}.runtimes.kata]\nruntime_type = "io.containerd.mine.v2"',
                    "[[stream]]\na = [\n  1, # one\n  2,\n]",
                    "[timeouts]\n# only a comment",
                    "[numbers]\na = nan\nb = -inf\nc = 1.0\nd = 2020-01-01",
                ]
            ),
            unique=True,
            max_size=6,
        )
    )
    if "runc.runtime_type" in runc or "runc =" in runc:  # TOML forbids a header into such a table
        others = [block for block in others if "runtimes.runc.options" not in block]
    blocks = draw(st.permutations([runc, *others]))
    text = f"version = {version}\n" + draw(st.sampled_from(["\n", "\n\n", "\n# on the next\n"])).join(blocks)
    text += draw(st.sampled_from(["", "\n", "\n\n", "\n# the end"]))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))).encode()


@given(_configurations())
@settings(max_examples=300)
def test_a_valid_file_is_merged_and_only_extended(content: bytes) -> None:
    verdict = merge(content)
    assert isinstance(verdict, Merged), verdict
    if b"nan" not in content:  # not equal to itself, so the plain comparison below cannot see it
        assert_faithful(content, verdict.after)
    assert isinstance(merge(verdict.after), Unchanged)


@pytest.mark.parametrize("case", named(MERGED))
def test_the_scan_sees_every_key_that_the_parser_sees(case: Case) -> None:
    """The scan is our own reading of TOML, so it is held against the parser on every case."""
    text = case.content.decode("utf-8-sig")
    scanned = {statement.path for statement in scan(text) if not statement.is_header}
    assert scanned == set(_keys(tomllib.loads(text), (), scanned))


def _keys(value: Any, path: tuple[str, ...], whole: set[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """The paths that stand before an equals sign; an inline table in `whole` is one of them."""
    inner = value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]
    for table in inner:
        if not isinstance(table, dict) or path in whole:
            yield path
        else:
            for key, item in table.items():
                yield from _keys(item, (*path, key), whole)
