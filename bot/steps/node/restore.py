"""Put a file back from its backup, but only over what we wrote ourselves.

Arguments: file, backup, sha256 of what we wrote, sha256 of what was there before.
"""


def main(path, backup, written, before):
    found = sha256(read_file(path))
    if found == before:
        print("%s is as it was already" % path)
        return
    if found != written:
        refuse("%s has sha256 %s, which we did not write: somebody edited it since" % (path, found))
    content = read_file(backup)
    if sha256(content) != before:
        refuse("the backup %s has sha256 %s, not %s" % (backup, sha256(content), before))
    write_atomically(path, content, path)
    print("%s is as it was" % path)


main(*sys.argv[1:])
