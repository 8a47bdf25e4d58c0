"""What a diff shows of a merge, and what it never shows."""

import pytest

from bot.core.containerd.diff import added_lines, unified_diff
from bot.core.containerd.merge import merge
from bot.core.containerd.verdict import Merged
from tests.unit.containerd.cases import CASES, MERGED, Case, named


def _merged(name: str) -> Merged:
    verdict = merge((CASES / name / "in.toml").read_bytes())
    assert isinstance(verdict, Merged)
    return verdict


@pytest.mark.parametrize(
    "case", named([c for c in MERGED if not c.folder.name.startswith(("inline-", "options-inline-"))])
)
def test_a_diff_only_adds(case: Case) -> None:
    verdict = _merged(case.folder.name)
    lines = unified_diff(verdict, "config.toml")
    assert lines[:2] == ("--- config.toml", "+++ config.toml (merged)")
    assert not [line for line in lines[2:] if line.startswith("-")]
    added = [line[1:] for line in lines[2:] if line.startswith("+")]
    assert len(verdict.after.splitlines()) - len(verdict.before.splitlines()) == len(added)
    assert all("\r" not in line for line in lines)


def test_a_card_shows_added_lines_below_the_header_in_front_of_them() -> None:
    lines = added_lines(_merged("only-kata"))
    assert lines[0] == '  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata.options]'
    assert {"+"} == {line[0] for line in lines[1:]}
    assert '+ [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-qemu]' in lines


def test_no_secret_of_the_file_is_shown() -> None:
    shown = "\n".join(unified_diff(_merged("registry-with-credentials"), "config.toml"))
    assert 'registry.configs."registry.local".auth' in shown
    assert "username = ***" in shown
    assert "password = ***" in shown
    for secret in ("svc-pull", "hunter", "aHVudGVy"):
        assert secret not in shown


@pytest.mark.parametrize(
    "line",
    [
        'Authorization = ["Basic hunter2"]',
        'x = { token = "hunter2" }',
        "x = [ { password = 'hunter2' } ]",
        '"identity.token" = "hunter2"',
        '# password: "hunter2"',
        'level = "info" # api_key = hunter2',
        'x = "https://me:hunter2@registry.local"',
        'credentials = """\nhunter2\n"""',
    ],
)
def test_secrets_are_masked_however_they_are_written(line: str) -> None:
    content = f'version = 2\n[{_RUNTIMES}.runc]\nruntime_type = "io.containerd.runc.v2"\n[debug]\n{line}\n'
    verdict = merge(content.encode())
    assert isinstance(verdict, Merged)
    shown = "\n".join((*unified_diff(verdict, "config.toml"), *added_lines(verdict)))
    assert "***" in shown
    assert "hunter2" not in shown


_RUNTIMES = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes'


def test_hidden_characters_are_shown_as_codes() -> None:
    content = f'version = 2\n[{_RUNTIMES}.runc]\nruntime_type = "io.containerd.runc.v2" # \u202eevil\n'
    verdict = merge(content.encode())
    assert isinstance(verdict, Merged)
    shown = "\n".join(unified_diff(verdict, "config.toml"))
    assert "\\u202eevil" in shown
    assert "\u202e" not in shown
