"""The endpoints over a real connection."""

from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from bot.adapters.http.server import listen
from bot.core.errors import InputError
from bot.core.settings import Http
from tests.adapters.http.sources import sources
from tests.loopback import free_port

Ask = Callable[..., "aiohttp.client._RequestContextManager"]


@pytest.fixture
def settings() -> Http:
    return Http(port=free_port())


@pytest.fixture
async def ask(settings: Http) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{settings.port}") as session:
        yield session.get


async def test_metrics_come_as_text_for_whoever_asks_for_nothing_special(settings: Http, ask: Ask) -> None:
    async with listen(settings, sources()), ask("/metrics") as response:
        assert (200, "text/plain") == (response.status, response.content_type)
        assert 'imsbot_ready{part="watch"} 1.0\n' in await response.text()


async def test_metrics_come_as_openmetrics_when_asked_for(settings: Http, ask: Ask) -> None:
    wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with listen(settings, sources()), ask("/metrics", headers=wanted) as response:
        assert "application/openmetrics-text" == response.content_type
        assert (await response.text()).endswith("# EOF\n")


async def test_a_program_that_answers_is_alive_whatever_else_is_broken(settings: Http, ask: Ask) -> None:
    async with listen(settings, sources(ready={"watch": lambda: "deaf"})), ask("/healthz") as response:
        assert (200, "ok\n") == (response.status, await response.text())


async def test_ready_when_every_part_is(settings: Http, ask: Ask) -> None:
    async with listen(settings, sources()), ask("/readyz") as response:
        assert (200, "watch: ok\nslack: ok\n") == (response.status, await response.text())


async def test_not_ready_says_which_part_and_why(settings: Http, ask: Ask) -> None:
    broken = sources(ready={"watch": lambda: "failing for 90 s", "slack": lambda: None})
    async with listen(settings, broken), ask("/readyz") as response:
        assert (503, "watch: failing for 90 s\nslack: ok\n") == (response.status, await response.text())


async def test_nothing_else_is_served(settings: Http, ask: Ask) -> None:
    async with listen(settings, sources()), ask("/") as response:
        assert 404 == response.status


async def test_nothing_can_be_written(settings: Http) -> None:
    async with (
        listen(settings, sources()),
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{settings.port}/metrics", data=b"x") as response,
    ):
        assert 405 == response.status


async def test_a_port_that_is_taken_is_one_clear_error(settings: Http) -> None:
    async with listen(settings, sources()):
        with pytest.raises(InputError, match=rf"http: cannot listen on 127.0.0.1, port {settings.port}: .*in use"):
            await listen(settings, sources()).__aenter__()
