#!/usr/bin/python3 -S
"""containerd of a simulated worker: the real one for every command, a stand-in (`daemon`) for the daemon.

A command becomes the real one at once: what only the daemon needs is imported by nobody else.
"""

import os
import sys

REAL = "/usr/bin/containerd"
DEFAULT_CONFIG = "/etc/containerd/config.toml"


def config_path(arguments: list[str]) -> str | None:
    """The file the daemon would read, or None when the arguments name a command instead of the daemon."""
    path = DEFAULT_CONFIG
    words = iter(arguments)
    for word in words:
        name, separator, value = word.partition("=")
        if name in ("-c", "--config", "-config"):
            path = value if separator else next(words, path)
        elif name in ("-l", "--log-level", "--address", "-a", "--root", "--state"):
            if not separator:
                next(words, None)
        else:
            return None
    return path


def main() -> None:
    path = config_path(sys.argv[1:])
    if path is None:
        os.execv(REAL, [REAL, *sys.argv[1:]])
    from daemon import serve

    serve(REAL, path, DEFAULT_CONFIG)


if __name__ == "__main__":
    main()
