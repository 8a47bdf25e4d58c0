"""The lab's mirror: the releases of the stand-in on the lab's bridge, where the workers reach it.

A test runs one of its own (`lab_mirror`), so that it can spoil archives. A lab that goes on living without a test
has one as a process:

    python -m tests.lab.kata.mirror --host 10.213.0.1 --port 8490 --shim PATH --folder PATH

It builds `SERVED`, prints one line of JSON for each (name, URL, sha256, size), and serves until SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from tests.lab.kata.release import lab_release
from tests.sandbox.mirror import Archive, Format, Mirror

KATA_VERSION = "3.17.0"
"""What CSM 1.7 ships."""

SERVED = ((KATA_VERSION, Format.XZ), (KATA_VERSION, Format.ZST))


def lab_mirror(folder: Path, shim: Path, host: str) -> Mirror:
    """Not started yet; `async with` does that. Archives are kept in `folder`."""
    return Mirror(folder, host=host, contents=lab_release(shim))


def render_archive(archive: Archive, url: str) -> str:
    """One line for whoever configures a bot by it."""
    return json.dumps(
        {
            "version": archive.version,
            "url": url,
            "sha256": archive.sha256,
            "size_bytes": archive.size_bytes,
        }
    )


async def serve(mirror: Mirror, port: int) -> None:
    """Until SIGTERM or SIGINT."""
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    mirror.port = port
    async with mirror:
        for version, form in SERVED:
            archive = await mirror.add(version, form)
            print(render_archive(archive, mirror.url(archive)), flush=True)
        await asked_to_stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", required=True, help="address to bind to, and the host of the URLs")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--shim", type=Path, required=True, help="the built containerd-shim-kata-v2")
    parser.add_argument("--folder", type=Path, required=True, help="where the archives lie")
    options = parser.parse_args()
    asyncio.run(serve(lab_mirror(options.folder, options.shim, options.host), options.port))


if __name__ == "__main__":
    main()
