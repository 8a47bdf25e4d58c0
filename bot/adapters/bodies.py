"""The body of an HTTP answer, bounded."""

import aiohttp


async def read_up_to(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """The whole body, or its first `most_bytes` bytes when it is longer.

    `response.content.read(n)` gives what has arrived so far, which may be a part of either.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size >= most_bytes:
            break
    return b"".join(chunks)[:most_bytes]
