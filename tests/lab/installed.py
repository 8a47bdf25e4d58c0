"""The bot as an administrator would install it, without a package index: the host's packages are lent.

The workers' Python is of the same minor as the host's, so that they fit.
"""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import bot
from tests.deploy.manifests import DEPLOY

_PLACE = "opt/imsbot"
_PACKAGES = f"{_PLACE}/lib/python3.11/site-packages"
_PROGRAM = """\
#!/opt/imsbot/bin/python3
from bot.__main__ import main
main()
"""
_NOT_NEEDED = ("__pycache__", "kubernetes_validate", "playwright", "mypy", "ruff", "hypothesis", "__editable__")
"""Large, and of tests only."""


def install_bot(root: Path) -> None:
    """/opt/imsbot under `root`: a virtual environment of that machine's own Python, with the bot in it."""
    binaries, packages = root / _PLACE / "bin", root / _PACKAGES
    binaries.mkdir(parents=True)
    (binaries / "python3").symlink_to("/usr/bin/python3")
    (root / _PLACE / "pyvenv.cfg").write_text("home = /usr/bin\n")
    for source, target in (
        (Path(sysconfig.get_path("purelib")), packages),
        (Path(bot.__file__).parent, packages / "bot"),
        (DEPLOY.parent / "rules", packages / "bot/_rules"),
    ):
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=_not_needed)
    program = binaries / "imsbot"
    program.write_text(_PROGRAM)
    program.chmod(0o755)


def _not_needed(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(_NOT_NEEDED)]
