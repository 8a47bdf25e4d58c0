"""Link the shims into containerd's PATH. Arguments: directory, target, list of what was there, then the names.

A name that works is left alone, whoever made it. What is replaced is noted first: a link by where it pointed, a file
by a copy beside the list.
"""


def works(path):
    return os.path.isfile(path) and os.access(path, os.X_OK)


def note(path, listed):
    """What `unlink.py` needs to put it back."""
    if os.path.islink(path):
        was = ["link", os.readlink(path)]
    elif os.path.lexists(path):
        was = ["file", os.path.join(os.path.dirname(listed), os.path.basename(path))]
        back_up(path, was[1])
    else:
        was = ["absent", ""]
    notes = json.loads(read_file(listed).decode()) if os.path.exists(listed) else {}
    notes.setdefault(path, was)
    temporary = listed + ".new"
    with open(temporary, "w") as file:
        json.dump(notes, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, listed)


def main(directory, target, listed, *names):
    if not works(target):
        refuse("%s is no executable file, so there is nothing to link to" % target)
    os.makedirs(os.path.dirname(listed), mode=0o700, exist_ok=True)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    for name in names:
        path = os.path.join(directory, name)
        if works(path):
            print("%s works already" % path)
            continue
        note(path, listed)
        temporary = os.path.join(directory, ".imsbot-" + name)
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink(target, temporary)
        os.rename(temporary, path)
        print("%s -> %s" % (path, target))
    sync_directory(directory)


main(*sys.argv[1:])
