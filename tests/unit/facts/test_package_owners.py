"""Whose files lie in /opt/kata, asked of an rpm that works and of ones that do not: unknown is not absent.

The stand-in says what rpm 4.18 says, to the letter, the first line of its errors left out: with a database that it
cannot read it tells of every file that no package owns it, and only `rpm -qa` ends with 1 for that reason.
"""

from pathlib import Path

import pytest

from bot.core.errors import UnknownFactError
from bot.core.facts import packages
from bot.core.facts.frame import parse_frames, render_script
from tests.unit.steps import samples
from tests.unit.steps.world import World, available

pytestmark = pytest.mark.skipif(not available(), reason="needs bubblewrap and containerd")

VIRTIOFSD = "/opt/kata/libexec/virtiofsd"
RPM = """#!/bin/sh
# what its database is, one word per kind of trouble
database=$(cat /etc/rpmdb)
broken() {
  echo "error: cannot open Packages index using sqlite - No such file or directory (2)" >&2
  echo "error: cannot open Packages database in /var/lib/rpm" >&2
}
[ "$database" != broken ] || broken
case $1 in
  -q) case $database in broken | empty) echo "no package provides rpm"; exit 1;; esac; echo rpm-4.14;;
  -qa) [ "$database" != broken ] || exit 1; [ "$database" = empty ] || echo rpm-4.14;;
  -ql) [ "$database" != torn ] || { echo "error: rpmdbNextIterator: skipping h#7" >&2; exit 1; }
    echo /opt/kata/libexec/virtiofsd; echo /usr/share/doc/virtiofsd;;
  -qf) [ "$database" != indexless ] || echo "error: cannot open Basenames index" >&2
    shift 3; status=0
    for file; do
      case $database$file in
        good*virtiofsd | torn*virtiofsd) echo "package hpe-csm-virtiofsd";;
        *) echo "file $file is not owned by any package"; status=1;;
      esac
    done; exit $status;;
esac
"""


def ask(directory: Path, database: str, distribution: str = "sles") -> packages.Packages:
    world = World(directory / "node", samples.settings())
    virtiofsd = world.path(VIRTIOFSD)
    virtiofsd.parent.mkdir(parents=True)
    virtiofsd.touch()
    (virtiofsd.parent / "other").touch()
    world.path("/etc/rpmdb").write_text(database)
    world.path("/etc/os-release").write_text(
        {"sles": 'ID="sles"\nID_LIKE="suse"\n', "debian": "ID=debian\n"}[distribution]
    )
    rpm = world.path("/usr/local/bin/rpm")
    rpm.write_text(RPM)
    rpm.chmod(0o755)
    script = render_script({}, "", [(packages.NAME, packages.COMMAND)])
    return packages.parse(parse_frames(world.exec(("sh", "-s"), script).stdout)[packages.NAME])


def test_the_files_of_a_package_are_named_with_it(tmp_path: Path) -> None:
    assert packages.Packages((("hpe-csm-virtiofsd", VIRTIOFSD),), ()) == ask(tmp_path, "good")


@pytest.mark.parametrize(
    ("database", "words"),
    [
        ("broken", "cannot open Packages database"),
        ("empty", "does not know of itself"),
        ("indexless", "cannot open Basenames index"),
        ("torn", "skipping h#7"),
    ],
)
def test_a_database_that_cannot_be_read_is_unknown(tmp_path: Path, database: str, words: str) -> None:
    with pytest.raises(UnknownFactError, match=f"fact packages could not be read: .*{words}"):
        ask(tmp_path, database)


def test_an_rpm_that_is_a_guest_owns_nothing(tmp_path: Path) -> None:
    assert packages.Packages((), ()) == ask(tmp_path, "empty", "debian")


def test_a_guest_whose_database_is_broken_is_unknown_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(UnknownFactError, match="cannot open Packages database"):
        ask(tmp_path, "broken", "debian")
