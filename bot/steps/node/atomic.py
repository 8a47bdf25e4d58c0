"""Shared by the programs that change files on a node: checksums, edits, and replacing or deleting in one step.

Goes in front of each program, see `bot/steps/program.py`. Python 3.6.
"""

import difflib
import errno
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile


def refuse(message):
    sys.exit("refused: " + message)


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def split_lines(content):
    lines = [line + b"\n" for line in content.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def apply_edit(content, edit):
    """The edited content; ends the program when either side is not the one that was approved."""
    if sha256(content) != edit["before"]:
        refuse("the file has sha256 %s now, not the approved %s" % (sha256(content), edit["before"]))
    lines = split_lines(content + edit.get("ending", "").encode())
    for start, end, new in reversed(edit["hunks"]):
        lines[start:end] = [line.encode() for line in new]
    edited = b"".join(lines)
    if sha256(edited) != edit["after"]:
        refuse("the edited file would have sha256 %s, not the approved %s" % (sha256(edited), edit["after"]))
    return edited


def make_edit(old, new):
    before, after = split_lines(old), split_lines(new)
    opcodes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    hunks = [
        [start, end, [line.decode() for line in after[first:last]]]
        for tag, start, end, first, last in opcodes
        if tag != "equal"
    ]
    return {"before": sha256(old), "after": sha256(new), "hunks": hunks}


def sync_directory(path):
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path, content, like):
    """Put `content` at `path` in one step, with mode, owner and extended attributes of the file `like`."""
    directory = os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(prefix=".imsbot-", dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            status = os.stat(like)
            os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
            copy_attributes(like, temporary)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_directory(directory)


def copy_attributes(source, target):
    for name in os.listxattr(source):
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.EINVAL):
                raise


def back_up(path, backup):
    """Copy `path` to `backup` unless that is there with the same content already."""
    content = read_file(path)
    if os.path.exists(backup) and sha256(read_file(backup)) == sha256(content):
        return
    os.makedirs(os.path.dirname(backup), mode=0o700, exist_ok=True)
    write_atomically(backup, content, path)


def delete(tree):
    """By way of a name that nobody takes for a staged tree: cut short, it leaves none that looks whole."""
    doomed = tree + ".partial"
    if os.path.lexists(doomed):
        shutil.rmtree(doomed)
    if os.path.lexists(tree):
        os.rename(tree, doomed)
        sync_directory(os.path.dirname(tree))
        shutil.rmtree(doomed)
