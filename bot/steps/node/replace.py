"""Replace a file by its edited self: backup first, then in one step, mode and owner kept.

Arguments: file, edit (JSON), backup's path. A file that is edited already is left alone.
"""


def main(path, edit, backup):
    change = json.loads(edit)
    content = read_file(path)
    if sha256(content) == change["after"]:
        print("%s is edited already" % path)
        return
    edited = apply_edit(content, change)
    back_up(path, backup)
    write_atomically(path, edited, path)
    print("%s now has sha256 %s" % (path, change["after"]))


main(*sys.argv[1:])
