"""What `imsbot check` says of the configuration's own parts."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bot.adapters.kube.resources import LEASES, NODES, Call
from bot.adapters.kube.rights import Rights
from bot.cli.check_cluster import check_pools, check_rights
from bot.cli.checked import Verdict
from bot.cli.readable import unreadable_for_the_service
from bot.core.errors import ForbiddenError
from bot.core.settings import Settings


def test_a_pool_says_its_nodes_and_one_without_any_is_not_well() -> None:
    settings = Settings.model_validate(
        {
            "ssh": {"client_key": "x", "known_hosts": "x"},
            "canary": {"image": "x"},
            "pools": {
                "critical": {"nodes": ["ncn-w00[12]"], "mode": "observe"},
                "torn": {"nodes": ["ncn-w00["], "mode": "observe"},
            },
        }
    )
    good, torn = check_pools(settings, ["ncn-w001", "ncn-w002", "ncn-w003"])
    assert (Verdict.OK, "ncn-w001, ncn-w002") == (good.verdict, good.found)
    assert (Verdict.FAIL, "no worker fits its patterns: ncn-w00[") == (torn.verdict, torn.found)


def test_what_is_missing_is_a_failure_also_where_something_else_is_unknown() -> None:
    patch, create, get = Call("patch", NODES), Call("create", LEASES, "bots"), Call("get", NODES)
    result = check_rights(Rights((get,), (patch,), ((create, ForbiddenError("you may not ask")),)))
    assert Verdict.FAIL is result.verdict
    assert result.found.startswith("may not patch nodes. ")
    assert result.found.endswith(
        "not known whether it may create leases in namespace bots: you may not ask; "
        "usually ClusterRole system:basic-user lets every account ask"
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """pytest's own may be entered by its user alone."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads what others may not")
def test_root_is_told_what_the_service_cannot_read(open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    state, key, hosts = open_folder / "state", open_folder / "key", open_folder / "hosts"
    state.mkdir()
    os.chown(state, nobody.pw_uid, nobody.pw_gid)
    key.touch(0o600)
    hosts.touch(0o644)
    settings = Settings.model_validate(
        {
            "journal": state / "journal.sqlite",
            "ssh": {"client_key": key, "known_hosts": hosts},
            "canary": {"image": "x"},
            "slack": {"enabled": False},
        }
    )
    assert [f"ssh.client_key: {key} cannot be read by nobody, who owns {state}"] == unreadable_for_the_service(
        settings
    )
    os.chown(key, nobody.pw_uid, nobody.pw_gid)
    hosts.unlink()
    assert [] == unreadable_for_the_service(settings)
    os.chown(state, 0, 0)
    key.chmod(0)
    assert [] == unreadable_for_the_service(settings), "the service is root's"
