"""Whether and how Kata's files are brought to the node, or why not (design.md 7).

Refused: a lower version, a version unlike that of the other ready workers, and an exchange that would change files
of a package or of the site, or pull the tree from under a running micro-VM.
"""

import re

from bot.core.facts import NodeFacts
from bot.core.facts.kata_tree import PREFIX, ROOT
from bot.core.facts.ours import STATE
from bot.core.model import Diagnosis, Family
from bot.core.settings import Archive
from bot.steps.install import Install, Mode
from bot.steps.situation import CannotRepairError, Situation
from bot.steps.stage import Stage
from bot.steps.step import ALREADY

_FILES_SHOWN = 12


def propose(s: Situation) -> tuple[Stage, Install] | None:
    """Raises CannotRepairError when files are missing and nothing may be put in place."""
    node, archive = s.facts.on_node, s.settings.kata.archive
    whole = node.kata_complete
    if whole and not (s.documented and archive and node.kata_tree.version == archive.version):
        return None
    if archive is None:
        raise _refusal(s, "kata.archive is not set, so there is nothing to install from")
    mode = _mode(s, archive)
    tree = f"{PREFIX}{archive.version}-{archive.sha256[:8]}"
    why = ALREADY if whole else _lack(node)
    timeout_s = s.settings.ssh.unpack_timeout_s
    stage = Stage(
        url=archive.url,
        sha256=archive.sha256,
        version=archive.version,
        size_bytes=archive.size_bytes,
        ca_file=archive.ca_file or "",
        tree=tree,
        timeout_s=timeout_s,
        why=why,
    )
    install = Install(
        mode=mode,
        sha256=archive.sha256,
        version=archive.version,
        tree=tree,
        old=f"{PREFIX}old-{s.incident}",
        added=f"{STATE}/backup/{s.incident}/added",
        timeout_s=timeout_s,
        why=why,
    )
    return stage, install


def _mode(s: Situation, archive: Archive) -> Mode:
    """Raises CannotRepairError."""
    node = s.facts.on_node
    tree = node.kata_tree
    odd = sorted(f"{peer} has {v}" for peer, v in s.peer_versions.items() if v != archive.version)
    if odd and tree.version != archive.version:
        raise _refusal(s, f"the other ready workers have another version than {archive.version}: {', '.join(odd)}")
    if tree.kind == "absent":
        return Mode.PLACE
    if tree.version == archive.version and tree.kind in {"directory", "link"}:
        owned = [f"{file} ({package})" for package, file in node.packages.owned if file in node.kata_missing]
        if owned:
            raise _refusal(s, f"missing files belong to a package; reinstall it: {_some(owned)}")
        return Mode.ADD
    if tree.kind != "directory":
        raise _refusal(
            s, f"{ROOT} is a {tree.kind} {tree.link}; only a real directory is exchanged".replace("  ", " ")
        )
    if tree.version and version_key(tree.version) > version_key(archive.version):
        raise _refusal(s, f"the node has Kata {tree.version}, newer than the configured {archive.version}")
    changing = [f"{file} (of {package})" for package, file in node.packages.owned]
    changing += [f"{file} (edited)" for file in node.packages.edited]
    if changing:
        raise _refusal(s, f"files of a package or of the site would change: {_some(changing)}")
    if node.processes.running:
        raise _refusal(s, f"micro-VMs run from {ROOT}, so it is not exchanged now")
    return Mode.EXCHANGE


def version_key(version: str) -> tuple[tuple[int, ...], bool, str]:
    """Orders 3.2.0-rc0 before 3.2.0 before 3.17.0."""
    numbers, _, rest = version.partition("-")
    return tuple(int(n) for n in re.findall(r"\d+", numbers)), not rest, rest


def _lack(node: NodeFacts) -> str:
    if node.kata_tree.kind == "absent":
        return f"there is no {ROOT}"
    return f"{ROOT} ({node.kata_tree.version or 'version unknown'}) lacks {_some([*node.kata_missing])}"


def _some(items: list[str]) -> str:
    more = f" and {len(items) - _FILES_SHOWN} more" if len(items) > _FILES_SHOWN else ""
    return ", ".join(items[:_FILES_SHOWN]) + more


def _refusal(s: Situation, why: str) -> CannotRepairError:
    family = s.families[0] if s.families else Family.KATA_ARTIFACT_MISSING
    lack = _lack(s.facts.on_node)
    return CannotRepairError(
        Diagnosis(
            family,
            f"Kata is not complete on {s.target.name} and is not installed: {why} ({lack})",
            guidance=("bring /opt/kata to the version of the other workers by hand, or change kata.archive",),
        )
    )
