"""Run the stand-in by itself: `python -m tests.sandbox.slack [PORT]`, then open the page it prints."""

import asyncio
import contextlib
import sys

from tests.sandbox.slack.server import SlackServer


async def serve(port: int) -> None:
    """Serve until the process is interrupted."""
    async with SlackServer(port=port) as slack:
        print(f"page       {slack.page_url}")
        print(f"base URL   {slack.base_url}")
        print(f"bot token  {slack.bot_token}")
        print(f"app token  {slack.app_token}")
        print(f"channel    {slack.channel}", flush=True)
        await asyncio.Event().wait()


def main() -> int:
    arguments = sys.argv[1:]
    if len(arguments) > 1 or not all(argument.isdigit() for argument in arguments):
        print("usage: python -m tests.sandbox.slack [PORT]", file=sys.stderr)
        return 2
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(arguments[0]) if arguments else 0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
