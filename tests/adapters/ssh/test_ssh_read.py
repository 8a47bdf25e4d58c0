"""Reading facts: one exec of `sh`, bounded in time and size, unknown rather than absent.

The worker is simulated here, and one of the lab there (`tests/subjects`).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from bot.adapters.ssh.shell import SshShell
from bot.core.errors import InputError, UnknownFactError
from bot.core.model import NodeRef
from tests.adapters.ssh.conftest import nodes_of
from tests.subjects import Subject, simulated

pytestmark = pytest.mark.asyncio(loop_scope="module")
PID_FILE = "/tmp/pid"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Subject]:
    async with simulated(tmp_path_factory.mktemp("worker")) as worker:
        yield worker


@asynccontextmanager
async def shell_of(worker: Subject, **changes: object) -> AsyncIterator[SshShell]:
    settings = worker.ssh().model_copy(update=changes)
    async with nodes_of(settings).shell(NodeRef(worker.name, "uid")) as shell:
        yield shell


async def read(worker: Subject, script: str, **changes: object) -> bytes:
    async with shell_of(worker, **changes) as shell:
        return await shell.read(script)


async def test_the_stdout_of_a_script_comes_back_byte_for_byte(worker: Subject) -> None:
    assert await read(worker, "printf 'a\\377\\000b'\nprintf 'no newline'") == b"a\xff\0bno newline"


async def test_a_script_may_hold_any_quote_and_unicode(worker: Subject) -> None:
    script = """x='it'\\''s "fine" $HOME `id` ü'\nprintf '%s' "$x" """
    assert await read(worker, script) == 'it\'s "fine" $HOME `id` ü'.encode()


async def test_a_command_of_the_script_cannot_swallow_the_rest_of_it(worker: Subject) -> None:
    assert await read(worker, "cat\necho after") == b"after\n"


async def test_a_failing_script_is_an_unknown_fact_with_its_words(worker: Subject) -> None:
    with pytest.raises(
        UnknownFactError, match=r"ncn-w00\d: reading its facts ended with exit status 3: no such thing"
    ):
        await read(worker, "echo no such thing >&2; exit 3")


async def test_a_script_that_hangs_ends_on_the_node_too(worker: Subject) -> None:
    began = time.monotonic()
    with pytest.raises(UnknownFactError, match="ended by its own time bound"):
        await read(worker, f"echo $$ > {PID_FILE}; sleep 600", facts_timeout_s=0.5)
    assert time.monotonic() - began < 5
    await ends(worker)


async def test_a_cancelled_read_leaves_nothing_behind_after_its_bound(worker: Subject) -> None:
    async with shell_of(worker, facts_timeout_s=5) as shell:
        await worker.shell(f"rm -f {PID_FILE}")
        reading = asyncio.create_task(shell.read(f"echo $$ > {PID_FILE}; exec sleep 600"))
        await worker.shell(f"until [ -s {PID_FILE} ]; do sleep 0.02; done; kill -0 $(cat {PID_FILE})")
        reading.cancel()
        await ends(worker)


async def test_too_much_output_is_an_unknown_fact_and_not_a_part_of_it(worker: Subject) -> None:
    with pytest.raises(UnknownFactError, match="more than 4194304 bytes of output"):
        await read(worker, "yes", facts_timeout_s=5)


async def test_four_mebibytes_still_fit(worker: Subject) -> None:
    assert len(await read(worker, "head -c 4194304 /dev/zero")) == 4 * 1024 * 1024


async def test_noise_on_stderr_neither_blocks_nor_counts(worker: Subject) -> None:
    assert await read(worker, "yes | head -c 5000000 >&2; echo fact") == b"fact\n"


async def test_a_script_longer_than_a_node_can_take_is_refused_here(worker: Subject) -> None:
    with pytest.raises(InputError, match=r"ncn-w00\d: a script of"):
        await read(worker, "#" * 200_000)


async def test_the_node_still_answers_after_an_output_that_was_too_large(worker: Subject) -> None:
    async with shell_of(worker) as shell:
        with pytest.raises(UnknownFactError):
            await shell.read("yes")
        assert await shell.read("echo still here") == b"still here\n"


async def ends(worker: Subject) -> None:
    """Returns when the process of PID_FILE is gone."""
    async with asyncio.timeout(30):
        await worker.shell(f"while kill -0 $(cat {PID_FILE}) 2>/dev/null; do sleep 0.05; done")
