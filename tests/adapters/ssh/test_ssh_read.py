"""Reading facts: one exec of `sh`, bounded in time and size, unknown rather than absent."""

import asyncio
import time
from pathlib import Path

import pytest

from bot.core.errors import InputError, UnknownFactError
from tests.adapters.ssh.conftest import NODE, nodes_of
from tests.adapters.ssh.sshd import Sshd, until


async def read(sshd: Sshd, script: str, **changes: object) -> bytes:
    async with nodes_of(sshd.settings(NODE.name, **changes)).shell(NODE) as shell:
        return await shell.read(script)


async def test_the_stdout_of_a_script_comes_back_byte_for_byte(sshd: Sshd) -> None:
    assert await read(sshd, "printf 'a\\377\\000b'\nprintf 'no newline'") == b"a\xff\0bno newline"


async def test_a_script_may_hold_any_quote_and_unicode(sshd: Sshd) -> None:
    script = """x='it'\\''s "fine" $HOME `id` ü'\nprintf '%s' "$x" """
    assert await read(sshd, script) == 'it\'s "fine" $HOME `id` ü'.encode()


async def test_a_command_of_the_script_cannot_swallow_the_rest_of_it(sshd: Sshd) -> None:
    assert await read(sshd, "cat\necho after") == b"after\n"


async def test_a_failing_script_is_an_unknown_fact_with_its_words(sshd: Sshd) -> None:
    with pytest.raises(
        UnknownFactError, match=r"ncn-w001: reading its facts ended with exit status 3: no such thing"
    ):
        await read(sshd, "echo no such thing >&2; exit 3")


async def test_a_script_that_hangs_ends_on_the_node_too(sshd: Sshd, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(UnknownFactError, match="ended by its own time bound"):
        await read(sshd, f"echo $$ > {pid_file}; sleep 600", facts_timeout_s=0.5)
    assert time.monotonic() - began < 5
    await until(lambda: not alive(pid_file))


async def test_a_cancelled_read_leaves_nothing_behind_after_its_bound(sshd: Sshd, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    async with nodes_of(sshd.settings(NODE.name, facts_timeout_s=1)).shell(NODE) as shell:
        reading = asyncio.create_task(shell.read(f"echo $$ > {pid_file}; exec sleep 600"))
        await until(lambda: pid_file.exists() and alive(pid_file))
        reading.cancel()
        await until(lambda: not alive(pid_file))


async def test_too_much_output_is_an_unknown_fact_and_not_a_part_of_it(sshd: Sshd) -> None:
    with pytest.raises(UnknownFactError, match="more than 4194304 bytes of output"):
        await read(sshd, "yes", facts_timeout_s=5)


async def test_four_mebibytes_still_fit(sshd: Sshd) -> None:
    assert len(await read(sshd, "head -c 4194304 /dev/zero")) == 4 * 1024 * 1024


async def test_noise_on_stderr_neither_blocks_nor_counts(sshd: Sshd) -> None:
    assert await read(sshd, "yes | head -c 5000000 >&2; echo fact") == b"fact\n"


async def test_a_script_longer_than_a_node_can_take_is_refused_here(sshd: Sshd) -> None:
    with pytest.raises(InputError, match="ncn-w001: a script of"):
        await read(sshd, "#" * 200_000)


async def test_the_node_still_answers_after_an_output_that_was_too_large(sshd: Sshd) -> None:
    async with nodes_of(sshd.settings(NODE.name)).shell(NODE) as shell:
        with pytest.raises(UnknownFactError):
            await shell.read("yes")
        assert await shell.read("echo still here") == b"still here\n"


def alive(pid_file: Path) -> bool:
    pid = pid_file.read_text().strip()
    return pid != "" and Path(f"/proc/{pid}").exists()
