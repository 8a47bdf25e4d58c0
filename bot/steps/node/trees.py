"""Bring a staged tree to life, or take it back. Arguments: what to do, then its paths and values.

place TREE ROOT SHA          nothing is at ROOT: rename
unplace TREE ROOT SHA        the way back
exchange TREE ROOT OLD SHA   exchange both in one step, and keep what was there as OLD
back TREE ROOT OLD SHA       the way back
add TREE ROOT LIST           add to ROOT the files that it lacks, noting each in LIST first
remove LIST                  the way back
discard TREE DIRECTORY SHA   delete what was staged and never came to life, and what was fetched into DIRECTORY
prune KEEP TREE...           delete all but the last KEEP of our old trees
SHA is that of the archive that TREE came from; its mark tells one tree from the other, so each of these can be
repeated after it was cut short anywhere. What lies at ROOT may have come from the same archive and be damaged since:
it loses its mark before it is exchanged, because the mark says that a tree is as it was unpacked.
"""
import ctypes

MARKER = ".imsbot-archive"
AT_FDCWD = -100
RENAME_EXCHANGE = 2
SYS_RENAMEAT2 = 316  # x86_64, the only kind of worker; glibc has the name only since 2.28


def mark_of(tree):
    path = os.path.join(tree, MARKER)
    return read_file(path).decode().strip() if os.path.isfile(path) else ""


def rename(source, target):
    os.rename(source, target)
    sync_directory(os.path.dirname(target))


def exchange_names(one, other):
    """In one step. False when kernel or file system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = [os.fsencode(name) for name in (one, other)]
    if libc.syscall(SYS_RENAMEAT2, AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), one)


def place(tree, root, sha):
    if mark_of(root) != sha:
        rename(tree, root)
    print("%s is in place" % root)


def unplace(tree, root, sha):
    if mark_of(root) == sha:
        rename(root, tree)
    print("%s is taken away" % root)


def exchange(tree, root, old, sha):
    if mark_of(tree) == sha:
        unmark(root, sha)
        swap(tree, root, old)
    elif mark_of(root) != sha or not (os.path.lexists(tree) or os.path.lexists(old)):
        refuse("%s is not the tree that was staged" % tree)
    if os.path.lexists(tree):
        rename(tree, old)
    print("%s is exchanged, the old tree is %s" % (root, old))


def unmark(root, sha):
    if mark_of(root) == sha:
        os.unlink(os.path.join(root, MARKER))
        sync_directory(root)


def back(tree, root, old, sha):
    staged = mark_of(tree) == sha  # it never came to life, so the old one is at ROOT, or on its way to OLD
    if mark_of(root) == sha and not staged:
        if not os.path.lexists(old):  # the exchange was cut short before the old tree got its name
            rename(tree, old)
        swap(old, root, tree)
    elif not os.path.lexists(root):  # it was cut short between two renames
        rename(old, root)
    if mark_of(old) == sha:
        rename(old, tree)
    print("%s is the old tree again" % root)


def swap(come, root, go):
    """`come` becomes `root`. In one step; else by way of `go`, and when that is cut short, it goes on from there."""
    if os.path.lexists(root):
        if exchange_names(come, root):
            sync_directory(os.path.dirname(root))
            return
        rename(root, go)
    try:
        rename(come, root)
    except OSError:
        rename(go, root)
        raise


def missing_in(tree, root):
    """(path in tree, path in root) of each file or link that root lacks."""
    for directory, folders, files in os.walk(tree):
        links = [name for name in folders if os.path.islink(os.path.join(directory, name))]
        for name in sorted(files + links):
            source = os.path.join(directory, name)
            target = os.path.join(root, os.path.relpath(source, tree))
            if name != MARKER and not os.path.lexists(target):
                yield source, target


def put_file(source, target):
    """In one step; the same file when both are on one file system."""
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = os.path.join(os.path.dirname(target), ".imsbot-" + os.path.basename(target))
        shutil.copy2(source, copy, follow_symlinks=False)
        os.rename(copy, target)


def make_executable(tree, root):
    """Files that are the archive's own and only lost the execute bit."""
    for directory, _, files in os.walk(tree):
        for name in files:
            source = os.path.join(directory, name)
            target = os.path.join(root, os.path.relpath(source, tree))
            if os.path.islink(source) or not os.path.isfile(target) or not os.access(source, os.X_OK):
                continue
            if not os.access(target, os.X_OK) and read_file(source) == read_file(target):
                os.chmod(target, stat.S_IMODE(os.stat(source).st_mode))


def add(tree, root, added):
    todo = list(missing_in(tree, root))
    os.makedirs(os.path.dirname(added), mode=0o700, exist_ok=True)
    with open(added, "a") as noted:
        noted.write("".join(target + "\n" for _, target in todo))
        noted.flush()
        os.fsync(noted.fileno())
    for source, target in todo:
        put_file(source, target)
    make_executable(tree, root)
    os.sync()
    delete(tree)
    print("added %d files to %s" % (len(todo), root))


def remove(added):
    paths = read_file(added).decode().split("\n") if os.path.exists(added) else []
    for path in filter(None, paths):
        if os.path.lexists(path):
            os.unlink(path)
    print("removed what was added")


def discard(tree, directory, sha):
    """A tree without the mark is none of these: it may be the old one, which an exchange left under that name."""
    if mark_of(tree) == sha:
        delete(tree)
    for left in (tree + ".partial", directory):
        if os.path.lexists(left):
            shutil.rmtree(left)
    print("what was staged is deleted")


def prune(keep, *trees):
    for tree in trees[: max(0, len(trees) - int(keep))]:
        shutil.rmtree(tree)


VERBS = {
    "place": place,
    "unplace": unplace,
    "exchange": exchange,
    "back": back,
    "add": add,
    "remove": remove,
    "discard": discard,
    "prune": prune,
}
os.umask(0o022)
VERBS[sys.argv[1]](*sys.argv[2:])
