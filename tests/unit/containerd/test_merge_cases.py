"""Every case folder comes out as it says; a new case needs no Python."""

import pytest

from bot.core.containerd.merge import merge
from bot.core.containerd.verdict import Merged, Refused, Unchanged
from tests.unit.containerd.cases import ALL, MERGED, Case, named
from tests.unit.containerd.invariants import assert_faithful


@pytest.mark.parametrize("case", named(ALL))
def test_the_case_comes_out_as_written(case: Case) -> None:
    verdict = merge(case.content)
    match verdict:
        case Merged():
            assert case.merged == verdict.after
        case Unchanged():
            assert case.merged is None
            assert case.refused is None
        case Refused():
            assert case.refused is not None, str(verdict)
            for part in case.refused:
                assert part in str(verdict)
            assert "\n" not in str(verdict)
    if not isinstance(verdict, Refused):
        assert len(case.warnings) == len(verdict.warnings), verdict.warnings
        for part, warning in zip(case.warnings, verdict.warnings, strict=True):
            assert part in warning


@pytest.mark.parametrize("case", named(MERGED))
def test_a_merge_adds_our_keys_and_touches_nothing_else(case: Case) -> None:
    assert case.merged is not None
    assert_faithful(
        case.content, case.merged, rewrites_a_line=case.folder.name.startswith(("inline-", "options-inline-"))
    )


@pytest.mark.parametrize("case", named(MERGED))
def test_a_second_merge_has_nothing_to_do(case: Case) -> None:
    assert case.merged is not None
    assert isinstance(merge(case.merged), Unchanged)


@pytest.mark.parametrize("case", named([case for case in MERGED if b"\r" not in case.content]))
def test_line_ends_do_not_change_where_things_go(case: Case) -> None:
    assert case.merged is not None
    verdict = merge(case.content.replace(b"\n", b"\r\n"))
    assert isinstance(verdict, Merged)
    assert case.merged.replace(b"\n", b"\r\n") == verdict.after
