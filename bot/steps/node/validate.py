"""Ask containerd itself what it makes of the edited configuration, without touching the live one.

Arguments: configuration, edit (JSON), containerd's binary, candidate's path, then each file that must exist because
it is imported literally (containerd 2.x accepts a missing one here and exits at its next start).
Prints `dump-edit=` and the difference between today's effective configuration and the candidate's, as an edit:
unchanged lines, which may hold secrets, stay on the node. The imports of both are sorted, as
`core/containerd/imports.py` does it with the dump that the edit is applied to: containerd prints them in any order.
"""

import re

IMPORTS = re.compile(rb"^imports = \[(.*)\]$", re.MULTILINE)
NAME = re.compile(rb"""\"(?:[^"\\]|\\.)*\"|'[^']*'""")


def effective(containerd, path):
    found = subprocess.run(
        [containerd, "--config", path, "config", "dump"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    if found.returncode != 0:
        sys.stderr.write(found.stderr.decode(errors="replace") + "\n")
        refuse("containerd does not accept %s (exit %d)" % (path, found.returncode))
    return in_order(found.stdout)


def in_order(dump):
    found = IMPORTS.search(dump)
    names = NAME.findall(found.group(1)) if found else []
    if found is None or b", ".join(names) != found.group(1):
        return dump
    return dump[: found.start(1)] + b", ".join(sorted(names)) + dump[found.end(1) :]


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
