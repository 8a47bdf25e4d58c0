"""What is kept of a watch, and that a recording which missed something is not taken for a whole one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.kube.resources import NODES
from tests.lab.admin import administrator, until
from tests.lab.cluster import Lab
from tests.lab.host import LabError
from tests.lab.recording import Trimmer, recording


def test_a_heartbeat_is_no_news_and_who_wrote_a_field_is_not_kept() -> None:
    trimmer = Trimmer()
    first, beat, change = (
        _node_line(version, ready) for version, ready in (("7", "True"), ("8", "True"), ("9", "False"))
    )
    kept = [trimmer.trim(json.dumps(line).encode()) for line in (first, beat, change)]
    assert [True, False, True] == [bool(line) for line in kept]
    assert {"name": "ncn-w001", "uid": "u-1", "resourceVersion": "9"} == json.loads(kept[2])["object"]["metadata"]


async def test_a_change_is_recorded_and_so_is_what_was_there_before(running_lab: Lab, tmp_path: Path) -> None:
    def told() -> list[tuple[str, str, str | None]]:
        said = [json.loads(line) for line in (tmp_path / "nodes.jsonl").read_text().splitlines()]
        return [
            (
                line["type"],
                line["object"]["metadata"]["name"],
                line["object"]["metadata"]["labels"].get("recorded"),
            )
            for line in said
        ]

    async def there() -> bool:
        return ("MODIFIED", "ncn-w002", "yes") in told()

    async with administrator(running_lab.admin_kubeconfig) as admin:
        async with recording(running_lab.admin_kubeconfig, tmp_path) as recorder:
            recorder.mark("labelled")
            await admin.patch(NODES, "ncn-w002", {"metadata": {"labels": {"recorded": "yes"}}})
            await until(there, 20)
        await admin.patch(NODES, "ncn-w002", {"metadata": {"labels": {"recorded": None}}})
    assert {("ADDED", name, None) for name in running_lab.workers} <= set(told())
    assert "labelled" == json.loads((tmp_path / "marks.jsonl").read_text())["mark"]


async def test_a_recording_over_a_restart_of_the_api_server_is_void(running_lab: Lab, tmp_path: Path) -> None:
    async def record_over_a_restart() -> None:
        async with recording(running_lab.admin_kubeconfig, tmp_path):
            await running_lab.plane.stop_api_server()
            await running_lab.plane.start_api_server()

    with pytest.raises(LabError, match="is not whole"):
        await record_over_a_restart()


def _node_line(version: str, ready: str) -> dict[str, Any]:
    beat = {"type": "Ready", "status": ready, "lastHeartbeatTime": f"2026-11-24T12:00:0{version}Z"}
    metadata = {
        "name": "ncn-w001",
        "uid": "u-1",
        "resourceVersion": version,
        "managedFields": [{"manager": "kubelet"}],
    }
    return {
        "type": "MODIFIED",
        "object": {
            "kind": "Node",
            "metadata": metadata,
            "status": {"conditions": [beat], "images": [{"names": ["i"]}]},
        },
    }
