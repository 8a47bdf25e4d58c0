"""The archive mirror of the sandbox: Kata releases built here, served over HTTP on loopback, with their traps.

`release` says what a release consists of, `archive` packs it (deterministically) and spoils it, `server` serves
it. The same release also fills `/opt/kata` of simulated nodes that have Kata already.
"""

from tests.sandbox.mirror.archive import Archive, Format, Trap, build
from tests.sandbox.mirror.release import Entry, Kind, release
from tests.sandbox.mirror.server import Mirror

__all__ = ["Archive", "Entry", "Format", "Kind", "Mirror", "Trap", "build", "release"]
