"""Unpack the checked archive beside the live tree. Nothing that is in use is touched.

Arguments: archive, sha256, its packer (xz or zstd), the tree to make, the version that it must have.
Each member is judged before it is written: only below opt/kata, no absolute or climbing names, no link that leads
out, no device, no setuid. Everything belongs to whoever runs this, root on a node, whatever the archive says.
"""
import glob
import posixpath
import tarfile
import time

INSIDE = "opt/kata"
MARKER = ".imsbot-archive"
FORGOTTEN_S = 24 * 3600
NEEDED = ("bin/containerd-shim-kata-v2", "share/defaults/kata-containers/configuration-qemu.toml")


def check_sum(archive, wanted):
    digest = hashlib.sha256()
    with open(archive, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != wanted:
        refuse("%s has sha256 %s, not the pinned %s" % (archive, digest.hexdigest(), wanted))


def inner_name(name):
    """Name below opt/kata; empty for the directories that lead there."""
    if name.startswith("/") or ".." in name.split("/"):
        refuse("the archive's member %r leads out of %s" % (name, INSIDE))
    plain = posixpath.normpath(name)
    if plain in (".", "opt", INSIDE):
        return ""
    if not plain.startswith(INSIDE + "/"):
        refuse("the archive's member %r is not below %s" % (name, INSIDE))
    return plain[len(INSIDE) + 1 :]


def check_link(name, target):
    """A symbolic link must end below /opt/kata, from where it will lie."""
    end = posixpath.normpath(posixpath.join("/", INSIDE, posixpath.dirname(name), target))
    if not end.startswith("/" + INSIDE + "/"):
        refuse("the archive's link %r leads to %s" % (name, end))


def check_parent(tree, name):
    """No directory on the way may be a link: what is written would land elsewhere."""
    path = tree
    for part in posixpath.dirname(name).split("/"):
        path = os.path.join(path, part)
        if os.path.islink(path):
            refuse("the archive's member %r lies behind a link" % name)
    os.makedirs(os.path.dirname(os.path.join(tree, name)), mode=0o755, exist_ok=True)


def write_member(archive, member, tree):
    name = inner_name(member.name)
    if not name:
        if not member.isdir():
            refuse("the archive's member %r is no directory" % member.name)
        return
    if member.mode & 0o6000:
        refuse("the archive's member %r is setuid or setgid" % member.name)
    check_parent(tree, name)
    path = os.path.join(tree, name)
    if member.isdir():
        os.makedirs(path, mode=0o755, exist_ok=True)
    elif member.issym():
        check_link(name, member.linkname)
        os.symlink(member.linkname, path)
    elif member.islnk():
        source = inner_name(member.linkname)
        check_parent(tree, source)
        os.link(os.path.join(tree, source), path, follow_symlinks=False)
    elif member.isreg():
        with open(path, "xb") as file:
            shutil.copyfileobj(archive.extractfile(member), file, 1 << 20)
            os.fchmod(file.fileno(), member.mode & 0o755)
        os.utime(path, (member.mtime, member.mtime))
    else:
        refuse("the archive's member %r is neither file, directory nor link" % member.name)


def unpack(archive, packer, tree):
    unpacking = subprocess.Popen([packer, "-dc", "--", archive], stdout=subprocess.PIPE)
    try:
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as members:
            for member in members:
                write_member(members, member, tree)
    except tarfile.TarError as error:
        refuse("%s is not a readable archive: %s" % (archive, error))
    finally:
        unpacking.stdout.close()
        status = unpacking.wait()
    if status not in (0, -13):
        refuse("%s ended with %d" % (packer, status))


def check_tree(tree, version):
    for name in NEEDED:
        if not os.path.exists(os.path.join(tree, name)):
            refuse("the archive has no %s/%s: is it Kata's static release with the Go runtime?" % (INSIDE, name))
    stated = os.path.join(tree, "VERSION")
    if os.path.exists(stated):
        found = read_file(stated).decode(errors="replace").strip()
        if found != version:
            refuse("the archive is Kata %s, the configuration says %s" % (found, version))


def clear_forgotten(tree, directory):
    """Gigabytes that repairs left which never came to an end: staged trees and archives, of any version.

    A younger one may belong to a repair that goes on, even another bot's. None stands still for a day between its
    stage and its use: a pause and a lost node end in a hold after hours, and a held repair uses neither again. Old
    trees are not staged ones; whether a micro-VM still uses one is for the facts to say.
    """
    beside = os.path.join(os.path.dirname(tree), ".imsbot-kata-")
    found = set(glob.glob(beside + "*")) - set(glob.glob(beside + "old-*"))
    found.update(glob.glob(os.path.join(os.path.dirname(directory), "*")))
    for path in sorted(found - {tree, directory}):
        if os.path.isdir(path) and not os.path.islink(path) and time.time() - os.stat(path).st_mtime > FORGOTTEN_S:
            delete(path)


def main(archive, wanted, packer, tree, version):
    clear_forgotten(tree, os.path.dirname(archive))
    check_sum(archive, wanted)
    partial = tree + ".partial"
    for left in (partial, tree):
        if os.path.lexists(left):
            shutil.rmtree(left)
    os.mkdir(partial, 0o755)
    try:
        unpack(archive, packer, partial)
        check_tree(partial, version)
    except BaseException:
        shutil.rmtree(partial)
        raise
    with open(os.path.join(partial, MARKER), "w") as marker:
        marker.write(wanted + "\n")
    os.sync()
    os.rename(partial, tree)
    sync_directory(os.path.dirname(tree))
    shutil.rmtree(os.path.dirname(archive))
    print("unpacked into %s" % tree)


os.umask(0o022)
main(*sys.argv[1:])
