"""Whether the service can read what its configuration names, when it is root who looks.

Root can read everything, so a look by root says nothing of the user under which the service runs. That is the
owner of the journal's folder.
"""

import os
import pwd
import subprocess
from pathlib import Path

from bot.config import configured_files
from bot.core.settings import Settings


def unreadable_for_the_service(settings: Settings) -> list[str]:
    """One line per file that is there; none when somebody else than root looks, or the service is root's."""
    try:
        owner = settings.journal.parent.stat()
    except OSError:
        return []
    if os.geteuid() != 0 or owner.st_uid == 0:
        return []
    name = _name(owner.st_uid)
    files = {**configured_files(settings), "rules_dir": settings.rules_dir}
    return [
        f"{key}: {path} cannot be read by {name}, who owns {settings.journal.parent}"
        for key, path in files.items()
        if path is not None and path.exists() and not _readable(path, owner.st_uid, owner.st_gid, name)
    ]


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _readable(path: Path, uid: int, gid: int, name: str) -> bool:
    """Asked of the kernel, which knows of folders above and of ACLs."""
    try:
        groups = os.getgrouplist(name, gid)
    except KeyError:
        groups = [gid]
    ask = ("/usr/bin/test", "-r", path)
    ran = subprocess.run(ask, user=uid, group=gid, extra_groups=groups, check=False)  # noqa: S603 - no shell
    return ran.returncode == 0
