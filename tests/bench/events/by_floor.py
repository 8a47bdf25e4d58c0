"""The floor: aiohttp and msgspec and nothing else. `python -m tests.bench.events.by_floor KUBECONFIG COUNT`.

What no Python program that watches with these two libraries can beat by much: the chunks as they come, cut at line
ends, each line decoded into the few fields that the bot reads. Nothing is done with an Event but counting it.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import yaml

from bot.core.objects import Event
from tests.bench.events.heard import Heard, tell

READ_BUFFER_BYTES = 256 * 1024


class Line(msgspec.Struct):
    type: str
    object: Event


async def listen(config: dict[str, Any], count: int) -> Heard:
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    decoder = msgspec.json.Decoder(Line)
    heard, rest = 0, b""
    connector = aiohttp.TCPConnector(ssl=context)
    headers = {"Authorization": f"Bearer {user['token']}"}
    url = f"{cluster['server']}/api/v1/namespaces/ims/events?watch=1&resourceVersion=1"
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=READ_BUFFER_BYTES) as session,
        session.get(url) as response,
    ):
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                decoder.decode(line)
                heard += 1
            if heard >= count:
                break
        return Heard(heard=heard, matched=0, ended_at=time.monotonic())


if __name__ == "__main__":
    tell(asyncio.run(listen(yaml.safe_load(Path(sys.argv[1]).read_text()), int(sys.argv[2]))))
