"""Ask containerd itself what it makes of the edited configuration, without touching the live one.

Arguments: configuration, edit (JSON), containerd's binary, candidate's path, then each file that must exist because
it is imported literally (containerd 2.x accepts a missing one here and exits at its next start).
Prints `dump-edit=` and the difference between today's effective configuration and the candidate's, as an edit:
unchanged lines, which may hold secrets, stay on the node.
"""


def effective(containerd, path):
    found = subprocess.run(
        [containerd, "--config", path, "config", "dump"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    if found.returncode != 0:
        sys.stderr.write(found.stderr.decode(errors="replace") + "\n")
        refuse("containerd does not accept %s (exit %d)" % (path, found.returncode))
    return found.stdout


def main(path, edit, containerd, candidate, *imports):
    missing = [name for name in imports if not os.path.exists(name)]
    if missing:
        refuse("%s imports %s, which does not exist: containerd would not start" % (path, ", ".join(missing)))
    edited = apply_edit(read_file(path), json.loads(edit))
    try:
        with open(candidate, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(edited)
        before, after = effective(containerd, path), effective(containerd, candidate)
    finally:
        if os.path.lexists(candidate):
            os.unlink(candidate)
    print("dump-edit=" + json.dumps(make_edit(before, after)))


main(*sys.argv[1:])
