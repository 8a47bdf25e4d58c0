"""Give back what `link.py` replaced, where our link is still there. Arguments: target, list of what was there."""


def main(target, listed):
    notes = json.loads(read_file(listed).decode()) if os.path.exists(listed) else {}
    for path, (kind, value) in sorted(notes.items()):
        if not os.path.islink(path) or os.readlink(path) != target:
            print("%s is not our link any more; left alone" % path)
            continue
        if kind == "file":
            write_atomically(path, read_file(value), value)
        elif kind == "link":
            temporary = os.path.join(os.path.dirname(path), ".imsbot-" + os.path.basename(path))
            if os.path.lexists(temporary):
                os.unlink(temporary)
            os.symlink(value, temporary)
            os.rename(temporary, path)
        else:
            os.unlink(path)
        sync_directory(os.path.dirname(path))
    if os.path.exists(listed):
        os.unlink(listed)
    print("links are as they were")


main(*sys.argv[1:])
