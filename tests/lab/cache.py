"""Things that take long to make and stay the same: made once, in a folder outside the tree."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def default_cache() -> Path:
    """`$IMSBOT_LAB_CACHE`, else a folder of the user's."""
    given = os.environ.get("IMSBOT_LAB_CACHE")
    return Path(given) if given else Path.home() / ".cache/ims-remediation-bot/lab"


@contextmanager
def building(place: Path) -> Iterator[Path | None]:
    """A folder to fill, which becomes `place` when the body ends well; None when `place` is there already.

    Two labs that need the same thing make it once: the second waits. What is left half done is taken away.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place.is_dir():
            yield None
            return
        for left in place.parent.glob(f"{place.name}.new-*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=place.parent, prefix=f"{place.name}.new-"))
        try:
            yield folder
            folder.chmod(0o755)
            folder.rename(place)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
