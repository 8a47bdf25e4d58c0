"""An archive mirror on loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Mirror:
    def __init__(self, root: Path, port: int) -> None:
        self._root = root
        self._port = port

    def put(self, content: bytes) -> str:
        """The URL under which it can be fetched."""
        (self._root / "kata.tar.xz").write_bytes(content)
        return f"http://127.0.0.1:{self._port}/kata.tar.xz"


@contextmanager
def serving(root: Path) -> Iterator[Mirror]:
    root.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Mirror(root, server.server_port)
        finally:
            server.shutdown()
            thread.join()
