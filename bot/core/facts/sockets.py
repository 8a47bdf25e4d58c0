"""Pods that still hold a containerd socket of before: mounted as a file, and that file is gone.

containerd makes its socket anew at every start. A container that has the socket *file* mounted keeps the one of
before and speaks to nobody, for ever and without being unready: CSM's sonar-jobs-watcher does (domain.md 4.1).
The kernel says so itself: a mount whose source was unlinked is marked `//deleted` in mountinfo (dentry_path). The
pod's uid is in the same file, in the source of what the kubelet mounts into every container.
"""

from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "sockets"
COMMAND = r"""
spaces=$(ls -l /proc/[0-9]*/ns/mnt 2>/dev/null |
  sed -nE 's|.*/proc/([0-9]+)/ns/mnt -> (mnt:.*)|\2 \1|p' | sort -u -k 1,1 |
  sed 's|.* \(.*\)|/proc/\1/mountinfo|')
[ -n "$spaces" ] || return 1
grep -l 'containerd\.sock//deleted ' /dev/null $spaces 2>/dev/null |
  while read -r file; do
    sed -nE 's|.*/pods/([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})/.*|\1|p' "$file" 2>/dev/null | head -n 1
  done
"""
"""One look per mount namespace: a worker has thousands of processes and some hundred of those."""


@dataclass(frozen=True, slots=True)
class Sockets:
    stale: frozenset[str]
    """Uids of the pods."""


def parse(output: Output) -> Sockets:
    return Sockets(frozenset(line.strip() for line in output.checked.splitlines() if line.strip()))
