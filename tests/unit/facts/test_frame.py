"""Frames: no output can be mistaken for another's, and no cut goes unnoticed."""

import subprocess

import pytest

from bot.core.errors import UnknownFactError
from bot.core.facts import parse_node
from bot.core.facts.frame import CAP_BYTES, Output, parse_frames, render_script


def run(body: str, **variables: str) -> bytes:
    script = render_script(variables, "", [("first", body), ("last", "echo fine")])
    return subprocess.run(["sh", "-s"], input=script.encode(), capture_output=True, timeout=20, check=True).stdout


def test_output_errors_and_exit_code_come_back_apart() -> None:
    found = parse_frames(run("printf 'no newline'; echo oops >&2; return 3"))["first"]
    assert (found.stdout, found.stderr, found.exit_code) == (b"no newline", "oops\n", 3)


def test_output_that_looks_like_a_frame_stays_inside_its_own() -> None:
    frames = parse_frames(run("echo last; echo end; printf '\\0\\377'"))
    assert frames["first"].stdout == b"last\nend\n\0\xff"
    assert frames["last"].text == "fine\n"


def test_values_are_never_part_of_the_program() -> None:
    hostile = "x'; echo gone >&2; $(false) `false`"
    assert parse_frames(run('printf %s "$value"', value=hostile))["first"].text == hostile


def test_a_fact_that_reads_its_input_does_not_eat_the_script() -> None:
    assert parse_frames(run("cat"))["first"].stdout == b""


def test_output_beyond_the_cap_is_unknown_and_not_cut() -> None:
    with pytest.raises(UnknownFactError, match="fact first could not be read: its output is larger"):
        parse_frames(run(f"head -c {CAP_BYTES + 10} /dev/zero"))


def test_an_exec_that_ended_early_is_unknown() -> None:
    whole = run("echo one")
    with pytest.raises(UnknownFactError, match="incomplete"):
        parse_frames(whole.removesuffix(b"end\n"))
    with pytest.raises(UnknownFactError, match="incomplete"):
        parse_frames(b"bash: connection reset\n")


GREETINGS = (
    b"Welcome to ncn-w001\n",
    b"no line end",
    b"first\n3\n\nend\n",
    b"\x1b]0;caf\xe9\x07\x0c\n",
    b"\nimsbot-facts\nend\n",
)


@pytest.mark.parametrize("greeting", GREETINGS)
def test_what_a_profile_prints_before_the_facts_is_dropped(greeting: bytes) -> None:
    """sshd's bash reads ~/.bashrc for a command too; a site may share one between all its nodes."""
    frames = parse_frames(greeting + run("echo one"))
    assert {"first": "one\n", "last": "fine\n"} == {name: frame.text for name, frame in frames.items()}


def test_a_profile_without_end_is_named() -> None:
    with pytest.raises(UnknownFactError, match=r"printed 70000 bytes before the facts: .*~/\.bashrc"):
        parse_frames(b"x" * 70_000 + run("echo one"))


def test_a_node_that_reports_too_few_facts_is_unknown() -> None:
    with pytest.raises(UnknownFactError, match="did not report the facts host, "):
        parse_node(run("echo one"))


def test_what_a_fact_printed_is_never_quoted() -> None:
    output = Output(
        "config_file", 1, b'path=/etc/containerd/config.toml\npassword = "hunter2"\n', "cat: I/O error"
    )
    with pytest.raises(UnknownFactError, match="I/O error") as raised:
        _ = output.checked
    assert "hunter2" not in str(raised.value)
    silent = Output("dump", 0, b'password = "hunter2"\xff', "")
    with pytest.raises(UnknownFactError, match="not UTF-8") as raised:
        _ = silent.text
    assert "hunter2" not in str(raised.value)
