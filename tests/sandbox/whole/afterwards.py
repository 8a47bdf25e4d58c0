"""What is left of a story in the sandbox, collected for the judgement of `invariants`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from bot.adapters.journal_sqlite import read_contents
from bot.core.lifecycle import Incident
from tests.sandbox.api import LEASES, NODES, PODS
from tests.sandbox.controllers import IMS_NAMESPACE
from tests.sandbox.nodes.state import CONFIG
from tests.sandbox.whole import invariants
from tests.sandbox.whole.access import LEASE_NAMESPACE
from tests.sandbox.whole.cards import cards
from tests.sandbox.whole.sandbox import Sandbox


def complaints(sandbox: Sandbox, before: Mapping[str, bytes]) -> list[str]:
    """`before` is each worker's containerd configuration of the beginning (`configurations`)."""
    return invariants.complaints(
        invariants.Remains(
            journal=sandbox.folder / "state/journal.sqlite",
            cards=cards(sandbox.slack),
            nodes=sandbox.registry.list(NODES),
            leases=sandbox.registry.list(LEASES, LEASE_NAMESPACE),
            ims_pods=sandbox.registry.list(PODS, IMS_NAMESPACE),
            before=before,
            now=configurations(sandbox),
            restarts=sandbox.restarts,
        )
    )


def configurations(sandbox: Sandbox) -> dict[str, bytes]:
    """Node name -> the bytes of containerd's configuration on its disk."""
    return {node.name: node.files.host_path(CONFIG).read_bytes() for node in sandbox.nodes}


def journaled(sandbox: Sandbox) -> list[Incident]:
    """Every incident, as the journal tells it."""
    return invariants.journaled(sandbox.folder / "state/journal.sqlite")


def entries_journaled(sandbox: Sandbox) -> Counter[str]:
    """Name of an entry -> how many of it all incidents together have in the journal by now."""
    histories = read_contents(sandbox.folder / "state/journal.sqlite").histories.values()
    return Counter(type(entry).__name__ for history in histories for entry in history.entries)
