"""`imsbot preview`: what goes to which stream, and the exit codes."""

import io
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bot.cli import commands
from bot.cli.options import PreviewOutput
from bot.cli.preview import preview
from tests.unit.containerd.cases import ALL, CASES, Case, named


def _preview(file: str, output: PreviewOutput, stdin: bytes = b"") -> tuple[int, bytes, str]:
    out, err = io.BytesIO(), io.StringIO()
    code = preview(file, output, io.BytesIO(stdin), out, err)
    return code, out.getvalue(), err.getvalue()


def _file(case: str) -> str:
    return str(CASES / case / "in.toml")


@pytest.mark.parametrize("case", named(ALL))
@pytest.mark.parametrize("output", list(PreviewOutput))
def test_exit_code_and_streams_follow_the_verdict(case: Case, output: PreviewOutput) -> None:
    code, out, err = _preview(str(case.folder / "in.toml"), output)
    if case.refused is not None:
        assert (code, out) == (2, b"")
        assert err.count("\n") == 1
        assert all(part in err for part in case.refused)
        return
    assert code == 0
    assert len(case.warnings) == err.count("\n")
    assert bool(out) == (case.merged is not None or output is PreviewOutput.JSON)


def test_the_diff_names_the_file_and_adds_our_runtimes() -> None:
    _, out, err = _preview(_file("only-kata"), PreviewOutput.DIFF)
    lines = out.decode().splitlines()
    assert lines[0] == f"--- {_file('only-kata')}"
    assert '+[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-qemu]' in lines
    assert err == ""


@pytest.mark.parametrize("case", ["crlf", "byte-order-mark", "trailing-comments-without-final-newline"])
def test_toml_is_the_whole_merged_file_byte_for_byte(case: str) -> None:
    _, out, _ = _preview(_file(case), PreviewOutput.TOML)
    assert (CASES / case / "out.toml").read_bytes() == out


def test_nothing_to_do_prints_nothing() -> None:
    assert _preview(_file("both-runtimes-there"), PreviewOutput.DIFF) == (0, b"", "")
    assert _preview(_file("both-runtimes-there"), PreviewOutput.TOML) == (0, b"", "")


def test_json_says_all_of_it() -> None:
    _, out, _ = _preview(_file("kata-qemu-lacks-options"), PreviewOutput.JSON)
    said = json.loads(out)
    assert said["result"] == "merged"
    assert said["schema"] == 2
    assert said["added"][0] == "containerd.runtimes.kata.runtime_type"
    assert _preview(_file("both-runtimes-there"), PreviewOutput.JSON)[1].startswith(b'{"file": ')


def test_warnings_go_to_stderr_beside_the_diff() -> None:
    code, out, err = _preview(_file("imports-glob"), PreviewOutput.DIFF)
    assert code == 0
    assert out
    assert "warning: line 4: imports" in err


def test_a_dash_reads_standard_input() -> None:
    content = Path(_file("only-kata")).read_bytes()
    code, out, _ = _preview("-", PreviewOutput.TOML, content)
    assert code == 0
    assert (CASES / "only-kata" / "out.toml").read_bytes() == out
    assert _preview("-", PreviewOutput.DIFF, b"x")[2].startswith("standard input: line 1: not valid TOML")


@pytest.mark.parametrize(
    ("file", "reason"),
    [("/nonexistent/config.toml", "No such file"), (str(CASES), "Is a directory"), ("a\0b", "null byte")],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(file: str, reason: str) -> None:
    code, out, err = _preview(file, PreviewOutput.DIFF)
    assert (code, out) == (2, b"")
    assert err.count("\n") == 1
    assert "cannot be read" in err
    assert reason in err


def test_an_endless_file_is_refused_not_read_for_ever() -> None:
    code, _, err = _preview("/dev/zero", PreviewOutput.DIFF)
    assert code == 2
    assert "more than 1048576 bytes" in err


def test_the_command_keeps_the_exit_codes_and_bytes() -> None:
    app = typer.Typer()
    app.command()(commands.preview)
    runner = CliRunner()
    merged = runner.invoke(app, [_file("crlf"), "--output", "toml"])
    assert merged.exit_code == 0
    assert (CASES / "crlf" / "out.toml").read_bytes() == merged.stdout_bytes
    refused = runner.invoke(app, [_file("empty")])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "hide the built-in" in refused.stderr
