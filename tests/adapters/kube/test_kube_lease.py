"""Leases on targets: one holder at a time, followed when it dies, never stolen while it lives."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.lease import HeldLease, KubeLeases
from bot.adapters.kube.lease_store import lease_name
from bot.adapters.kube.resources import LEASES
from bot.core.errors import LeaseLostError
from bot.core.model import Target, TargetKind
from bot.core.objects import Lease
from bot.core.settings import LeaseTimes
from tests.adapters.kube.manual_clock import ManualClock
from tests.sandbox.api import LEASES as STORED_LEASES
from tests.sandbox.api import ApiServer, Fault
from tests.waiting import eventually

NODE = Target(TargetKind.NODE, "ncn-w001", "0b8f6a5e-1c9d-4b1e-9d56-3a5f2f0c1d11")
NAME = lease_name(NODE)
TIMES = LeaseTimes(duration_s=60, renew_s=15)

Bot = Callable[[str], KubeLeases]
Read = Callable[[], Awaitable[Lease]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bot(api: ApiClient, namespace: str, clock: ManualClock) -> Bot:
    def make(holder: str) -> KubeLeases:
        return KubeLeases(api, namespace=namespace, holder=holder, times=TIMES, clock=clock)

    return make


@pytest.fixture
def stored(api: ApiClient, namespace: str) -> Read:
    async def read() -> Lease:
        return await api.get(LEASES, NAME, namespace)

    return read


async def die_holding(leases: KubeLeases) -> None:
    """As after a kill: the Lease stays with its holder."""
    async with leases.hold(NODE) as lease:
        lease.keep(True)


async def test_new_lease_says_who_holds_what(bot: Bot, stored: Read, server: ApiServer) -> None:
    async with bot("a").hold(NODE) as lease:
        found: Lease = await stored()
        assert (lease.transitions, lease.fresh()) == (0, True)
        assert found.metadata.annotation("ims-remediation-bot/target") == "node ncn-w001"
        assert found.spec.holder_identity == "a"
        assert found.spec.lease_duration_seconds == 60
        (raw,) = server.registry.store.items(STORED_LEASES)
        assert found.spec.renew_time == raw["spec"]["acquireTime"] == "2026-11-24T00:00:00.000000Z"
    assert not (await stored()).spec.holder_identity


async def test_each_acquisition_raises_the_transitions(bot: Bot) -> None:
    seen = []
    for holder in ("a", "a", "b"):
        async with bot(holder).hold(NODE) as lease:
            seen.append(lease.transitions)
    assert seen == [0, 1, 2]


async def test_renewal_keeps_it_fresh(bot: Bot, stored: Read, clock: ManualClock) -> None:
    async with bot("a").hold(NODE) as lease:
        await eventually(lambda: clock.sleeping)
        for minute in range(1, 5):
            clock.advance(15)
            await eventually(lambda: clock.sleeping)
            assert lease.fresh()
            assert (
                await stored()
            ).spec.renew_time == f"2026-11-24T00:0{minute * 15 // 60}:{minute * 15 % 60:02}.000000Z"


async def test_without_renewal_it_is_not_fresh_after_a_third(bot: Bot, clock: ManualClock) -> None:
    async with bot("a").hold(NODE) as lease:
        clock.advance(14)
        assert lease.fresh()
        clock.advance(6)
        assert not lease.fresh()


async def test_living_holder_is_not_robbed(bot: Bot, clock: ManualClock) -> None:
    other = bot("b")
    async with bot("a").hold(NODE):
        await eventually(lambda: clock.sleeping)
        for _ in range(8):
            with pytest.raises(LeaseLostError, match=r"node ncn-w001 is held by a .*free in 60 s") as caught:
                async with other.hold(NODE):
                    pass
            assert caught.value.retry_after_s == 60
            clock.advance(15)
            await eventually(lambda: clock.sleeping)


async def test_dead_holder_is_followed_one_duration_after_it_was_met(bot: Bot, clock: ManualClock) -> None:
    await die_holding(bot("a"))
    clock.advance(1000)
    other = bot("b")
    for waited, left in ((0, 60), (59, 1)):
        clock.advance(waited)
        with pytest.raises(LeaseLostError, match=f"free in {left} s"):
            async with other.hold(NODE):
                pass
    clock.advance(1)
    async with other.hold(NODE) as lease:
        assert lease.transitions == 1


async def test_own_lease_is_taken_over_at_once_after_a_crash(bot: Bot) -> None:
    await die_holding(bot("a"))
    async with bot("a").hold(NODE) as lease:
        assert lease.transitions == 1


async def test_lease_is_not_released_while_a_command_may_run(bot: Bot, stored: Read) -> None:
    await die_holding(bot("a"))
    assert (await stored()).spec.holder_identity == "a"


async def test_second_task_of_the_same_bot_is_refused(bot: Bot) -> None:
    leases = bot("a")
    async with leases.hold(NODE):
        with pytest.raises(LeaseLostError, match="works on node ncn-w001 already"):
            async with leases.hold(NODE):
                pass
    async with leases.hold(NODE):
        pass


@pytest.mark.parametrize(
    "theft", [{"holderIdentity": "b"}, {"leaseTransitions": 9}, None], ids=["holder", "epoch", "deleted"]
)
async def test_stolen_or_deleted_lease_is_lost_and_left_alone(
    bot: Bot, api: ApiClient, namespace: str, clock: ManualClock, theft: dict[str, object] | None
) -> None:
    async with bot("a").hold(NODE) as lease:
        await eventually(lambda: clock.sleeping)
        found = await api.get(LEASES, NAME, namespace)
        if theft is None:
            await api.delete(LEASES, NAME, namespace, uid=found.metadata.uid)
        else:
            await api.patch(LEASES, NAME, {"spec": theft}, namespace)
        clock.advance(15)
        await eventually(lambda: not lease.fresh())
        assert clock.sleeping == 0
    after = await api.find(LEASES, NAME, namespace)
    assert (after is None) == (theft is None)
    assert after is None or after.spec.holder_identity == (theft or {}).get("holderIdentity", "a")


async def test_annotation_of_somebody_else_does_not_cost_the_lease(
    bot: Bot, api: ApiClient, namespace: str, clock: ManualClock
) -> None:
    async with bot("a").hold(NODE) as lease:
        await eventually(lambda: clock.sleeping)
        await api.patch(LEASES, NAME, {"metadata": {"annotations": {"note": "hello"}}}, namespace)
        clock.advance(15)
        await eventually(lambda: clock.sleeping)
        assert lease.fresh()
    found = await api.get(LEASES, NAME, namespace)
    assert found.metadata.annotation("note") == "hello"
    assert not found.spec.holder_identity


async def test_lease_is_given_back_although_nobody_knows_whether_the_last_renewal_arrived(
    bot: Bot, api: ApiClient, namespace: str, stored: Read
) -> None:
    """The end cuts a renewal short whose request may be on its way."""
    async with bot("a").hold(NODE):
        arrived = {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}
        await api.patch(LEASES, NAME, arrived, namespace)
    assert not (await stored()).spec.holder_identity


async def test_lease_that_was_stolen_since_the_last_renewal_is_not_released(
    bot: Bot, api: ApiClient, namespace: str, stored: Read
) -> None:
    async with bot("a").hold(NODE):
        await api.patch(LEASES, NAME, {"spec": {"holderIdentity": "b"}}, namespace)
    assert "b" == (await stored()).spec.holder_identity


async def holding(stack: AsyncExitStack, leases: KubeLeases, clock: ManualClock) -> HeldLease:
    lease = await stack.enter_async_context(leases.hold(NODE))
    await eventually(lambda: clock.sleeping)
    return lease


@pytest.mark.parametrize("fault", [Fault.INTERNAL_ERROR, Fault.REPLY_LOST])
async def test_failed_renewal_is_tried_again_soon(
    server: ApiServer, bot: Bot, clock: ManualClock, fault: Fault
) -> None:
    async with AsyncExitStack() as stack:
        lease = await holding(stack, bot("a"), clock)
        server.faults.strike_next(1, fault, lambda call: call.verb == "patch")
        clock.advance(15)
        await eventually(lambda: clock.sleeping)
        clock.advance(4)
        await eventually(lambda: clock.sleeping)
        clock.advance(14)
        assert lease.fresh()


async def test_lease_that_cannot_be_renewed_for_its_duration_is_lost(
    server: ApiServer, bot: Bot, clock: ManualClock
) -> None:
    async with AsyncExitStack() as stack:
        logged = stack.enter_context(capture_logs())
        lease = await holding(stack, bot("a"), clock)
        server.faults.strike_next(100, Fault.INTERNAL_ERROR, lambda call: call.verb == "patch")
        for _ in range(3):
            clock.advance(15)
            await eventually(lambda: clock.sleeping)
        clock.advance(15)
        await eventually(lambda: any(entry["event"] == "lease lost" for entry in logged))
        server.faults.clear()
        assert not lease.fresh()
    stored = server.registry.store.items(STORED_LEASES)
    assert [obj["spec"]["holderIdentity"] for obj in stored] == ["a"]


async def test_renewal_survives_a_restart_of_the_api_server(
    server: ApiServer, bot: Bot, clock: ManualClock
) -> None:
    async with AsyncExitStack() as stack:
        lease = await holding(stack, bot("a"), clock)
        await server.stop()
        clock.advance(15)
        await eventually(lambda: clock.sleeping)
        await server.start()
        clock.advance(3)
        await eventually(lambda: clock.sleeping)
        clock.advance(10)
        assert lease.fresh()


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (NODE, "imsbot-node-0b8f6a5e-1c9d-4b1e-9d56-3a5f2f0c1d11"),
        (Target(TargetKind.RUNTIMECLASS, "kata-qemu"), "imsbot-runtimeclass-kata-qemu"),
        (Target(TargetKind.CHOOSE_NODE, "kata.x"), "imsbot-choose-node-kata.x"),
    ],
)
def test_lease_is_named_after_the_fingerprint(target: Target, name: str) -> None:
    assert lease_name(target) == name


def test_odd_targets_get_valid_names_that_differ() -> None:
    odd = [lease_name(Target(TargetKind.NODE, "n", uid)) for uid in ("A_b", "A-b", "a-b", "x" * 300, "x." * 99)]
    assert len(set(odd)) == len(odd)
    assert all(len(name) <= 253 and name.strip("abcdefghijklmnopqrstuvwxyz0123456789.-") == "" for name in odd)
    assert all(name[-1].isalnum() for name in odd)
