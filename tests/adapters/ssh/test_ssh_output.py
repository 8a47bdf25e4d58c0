"""What a node wrote, made fit for people: secrets masked, nothing that a terminal obeys, the end of it."""

import pytest

from bot.adapters.ssh.output import MAX_OUTPUT_CHARS, shown_tail
from bot.adapters.ssh.quote import quoted_line
from bot.core.errors import InputError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2 next", "password=*** next"),
        ('"auth": "dXNlcjpwYXNz", "x": 1', '"auth": ***, "x": 1'),
        ("  identity_token = 'abc def'", "  identity_token = ***"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: ***"),
        ("curl -H 'X-Auth-Token: abcdef' ok", "curl -H 'X-Auth-Token: ***"),
        ("--password hunter2 --verbose", "--password *** --verbose"),
        ("aws_secret_access_key=AKIA/xyz", "aws_secret_access_key=***"),
        ("https://user:pa%20ss@registry.local/v2", "https://user:***@registry.local/v2"),
        ("a\n-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\nb", "a\n***\nb"),
        ("password: a phrase with spaces", "password: ***"),
    ],
)
def test_values_of_secret_keys_are_masked(text: str, shown: str) -> None:
    assert shown_tail(text.encode()) == shown


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd: Permission denied",
        "tar: ./token-dir/x: Cannot open: No space left on device",
        "author=somebody",
        "config dump: 3 plugins, 0 errors",
        "--passthrough yes",
        "http://mirror.local:8080/kata.tar.xz",
    ],
)
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert shown_tail(text.encode()) == text


def test_the_end_is_kept_from_the_first_whole_line_on() -> None:
    lines = [f"line {i}" for i in range(20_000)]
    shown = shown_tail("\n".join(lines).encode())
    assert shown.splitlines()[0] == "…"
    assert shown.splitlines()[1:] == lines[-(len(shown.splitlines()) - 1) :]
    assert MAX_OUTPUT_CHARS - 20 < len(shown) <= MAX_OUTPUT_CHARS


def test_a_value_whose_key_was_cut_off_is_not_shown() -> None:
    assert shown_tail(b"nter2\nnext line", cut=True) == "…\nnext line"


@pytest.mark.parametrize("argv", [(), ("",), ("echo", "a\nb"), ("echo", "a\rb"), ("echo", "a\0b")])
def test_what_a_shell_line_cannot_carry_is_refused(argv: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        quoted_line(argv)


def test_every_other_word_arrives_as_itself() -> None:
    assert quoted_line(("echo", "it's", "$HOME", "`id`", "", "a b")) == "echo 'it'\"'\"'s' '$HOME' '`id`' '' 'a b'"
