"""The same with kopf. `python by_kopf.py KUBECONFIG COUNT`, by the peers' Python: nothing of the bot is imported.

As small as an operator can be: one handler of raw Events that looks at reason and message, in one namespace, with
no peering, no posting of Events and no logging of what happens all the time. Everything else is kopf's default.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
import time
from typing import Any

import kopf

WORDS = re.compile(r'.{0,300}no runtime for "[^"]+" is configured')

heard = matched = 0
ended_at = 0.0
wanted = int(sys.argv[2])
enough = asyncio.Event()


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.enabled = False
    settings.scanning.disabled = True


@kopf.on.login()
def login(**known: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_kubeconfig(**known)


@kopf.on.event("", "v1", "events")
async def hear(body: kopf.Body, **_: Any) -> None:
    global heard, matched, ended_at
    if body.get("reason") == "FailedCreatePodSandBox" and WORDS.match(body.get("message", "")):
        matched += 1
    heard += 1
    if heard == wanted:
        ended_at = time.monotonic()
        enough.set()


async def listen() -> None:
    await kopf.operator(standalone=True, namespaces=["ims"], stop_flag=enough)


if __name__ == "__main__":
    os.environ["KUBECONFIG"] = sys.argv[1]
    kopf.configure(log_format=kopf.LogFormat.PLAIN)
    logging.getLogger().setLevel(logging.ERROR)
    asyncio.run(listen())
    print(json.dumps({"heard": heard, "matched": matched, "ended_at": ended_at}), flush=True)
