"""Edits of files: hunks between two checksums, and two values of Kata's configuration."""

import ast
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.steps.edit import Edit
from bot.steps.kata_toml import tuned
from bot.steps.program import source

TEXTS = st.lists(st.sampled_from(["a\n", "b\r\n", "\n", "c", "ü\n", "[x]\n"])).map("".join)


@given(TEXTS, TEXTS)
def test_an_edit_leads_from_one_text_to_the_other(old: str, new: str) -> None:
    edit = Edit.between(old.encode(), new.encode())
    again = msgspec.json.decode(msgspec.json.encode(edit), type=Edit)
    assert again.apply(old.encode()) == new.encode()


def test_an_edit_refuses_any_other_text() -> None:
    edit = Edit.between(b"a\nb\n", b"a\nc\n")
    with pytest.raises(ValueError, match="the text to change has sha256"):
        edit.apply(b"a\nb\n ")


def test_an_edit_holds_changed_lines_only() -> None:
    edit = Edit.between(b"password = 1\nb\n", b"password = 1\nb\nc\n")
    assert "password" not in repr(edit)


@pytest.mark.parametrize("added", ["\n[kata]\n", "\r\n[kata]\r\n", "\n[kata]"])
def test_a_last_line_without_an_end_is_no_changed_line(added: str) -> None:
    secret = '[auth]\npassword = "hunter2"'
    old, new = secret.encode(), (secret + added).encode()
    edit = Edit.between(old, new)
    assert new == edit.apply(old)
    assert "hunter2" not in msgspec.json.encode(edit).decode()
    elsewhere = Edit.between(old, b"version = 2\n" + old)
    assert "hunter2" not in msgspec.json.encode(elsewhere).decode()


@pytest.mark.parametrize("old", [b"a\r\nb\n\nd", b"a\r\nb\n\nd\n"])
def test_the_nodes_own_edit_agrees_with_ours(old: bytes, tmp_path: Path) -> None:
    new = b"a\r\nx\n\nd\ne\n"
    path = tmp_path / "file"
    path.write_bytes(old)
    edit = msgspec.json.encode(Edit.between(old, new)).decode()
    argv = [sys.executable, "-", str(path), edit, str(tmp_path / "kept" / "file")]
    subprocess.run(argv, input=source("replace.py").encode(), check=True, capture_output=True, timeout=20)
    assert path.read_bytes() == new
    assert (tmp_path / "kept" / "file").read_bytes() == old


STOCK = b"""\
# top
[hypervisor.qemu]
path = "/opt/kata/bin/qemu"
# List of valid annotation names
enable_annotations = ["enable_iommu"] # default
#file_mem_backend = ""

[runtime]
file_mem_backend = "not this one"
"""


def test_missing_annotations_are_added_and_comments_and_other_tables_stay() -> None:
    new = tuned(STOCK, ["virtio_fs_extra_args"], "/var/lib/kata").decode()
    assert 'enable_annotations = ["enable_iommu", "virtio_fs_extra_args"] # default\n' in new
    assert '[hypervisor.qemu]\nfile_mem_backend = "/var/lib/kata"\n' in new
    assert 'file_mem_backend = "not this one"\n' in new
    assert "# List of valid annotation names\n" in new


def test_a_list_over_many_lines_is_one_value() -> None:
    many = STOCK.replace(b'["enable_iommu"] # default', b'[\n  "enable_iommu", # one\n  "x]",\n]')
    assert b'enable_annotations = ["enable_iommu", "x]", "y"]\n#file_mem' in tuned(many, ["y"], None)


def test_what_is_there_already_is_left_byte_for_byte() -> None:
    assert tuned(STOCK, ["enable_iommu"], None) == STOCK


def test_windows_line_ends_stay() -> None:
    assert b'"y"] # default\r\n' in tuned(STOCK.replace(b"\n", b"\r\n"), ["y"], None)


@pytest.mark.parametrize(
    "text",
    [
        b"[hypervisor.qemu\n",
        b"[hypervisor.clh]\n",
        b"hypervisor = { qemu = { path = '/x' } }\n",
        b"[hypervisor.qemu]\nenable_annotations = 'all'\n",
    ],
)
def test_a_file_that_cannot_be_edited_safely_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        tuned(text, ["y"], None)


PROGRAMS = sorted(
    p.name for p in (Path(__file__).parents[3] / "bot/steps/node").glob("*.py") if p.stem != "__init__"
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_python_3_6(name: str) -> None:
    ast.parse(source(name), feature_version=(3, 6))
