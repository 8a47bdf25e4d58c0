"""One program at a time for each lab of this machine: whoever starts one takes away what had its number before."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.host import LabError
from tests.lab.node import Network

_LOCKS = Path("/run/lock")
"""Of the machine, as the networks are: not of one checkout."""


@contextmanager
def claimed(number: int) -> Iterator[Network]:
    """The network of that lab, until the block ends. Raises LabError while another program has it."""
    network = Network(number)
    with (_LOCKS / f"{network.bridge}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LabError(f"lab {number} belongs to another run; choose another number up to 15") from None
        yield network
