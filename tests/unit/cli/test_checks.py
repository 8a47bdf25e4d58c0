"""What `imsbot check` says of the configuration's own parts."""

from bot.cli.checks import check_pools
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
    assert (True, "ncn-w001, ncn-w002") == (good.ok, good.found)
    assert (False, "no worker fits its patterns: ncn-w00[") == (torn.ok, torn.found)
