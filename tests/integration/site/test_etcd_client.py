"""The etcd door against three real members: values, watches, users, dead members."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from holdfast.core.errors import Error, Forbidden, Transient
from holdfast.providers import etcd_members, local
from holdfast.providers.doors import SiteDoors, furnish, open_site
from holdfast.providers.settings import Settings
from holdfast.system import processes
from holdfast.system.etcd import Credentials, EtcdClient, Event
from tests.conftest import demand

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def doors() -> Iterator[SiteDoors]:
    """A site with nothing but its etcd."""
    demand("etcd")
    with tempfile.TemporaryDirectory(prefix="hf-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        settings = Settings(Path(name) / "home")
        local.prepare_home(settings.home)
        local.allocate(settings.home)
        found = open_site(settings)
        furnish(found)
        asyncio.run(bring_up(found))
        yield found
        for one in processes.site_processes(found.site.id, str(settings.home)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)


async def bring_up(doors: SiteDoors) -> None:
    etcd_members.prepare(doors.site, doors.authority)
    for member in etcd_members.MEMBERS:
        doors.supervisor.define(etcd_members.program(doors.site, member))
    await doors.daemon.start()
    async with doors.etcd() as client:
        await etcd_members.wait_healthy(client)
    credentials = doors.etcd_credentials()
    assert await etcd_members.secure(doors.site, doors.etcd_identity, credentials) is True
    assert await etcd_members.secure(doors.site, doors.etcd_identity, credentials) is False


@pytest.fixture
async def client(doors: SiteDoors) -> AsyncIterator[EtcdClient]:
    async with doors.etcd() as found:
        await found.delete_prefix("/t/")
        yield found


def pid_of(doors: SiteDoors, member: int) -> int:
    pid = doors.supervisor.outlived(etcd_members.program_of(member))
    assert pid is not None
    return pid


@contextlib.asynccontextmanager
async def frozen(doors: SiteDoors, *members: int) -> AsyncIterator[None]:
    """Members that take connections and never answer."""
    pids = [pid_of(doors, member) for member in members]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        async with doors.etcd() as client:
            await etcd_members.wait_healthy(client)


@contextlib.asynccontextmanager
async def stopped(doors: SiteDoors, *members: int) -> AsyncIterator[None]:
    """Members that are not there."""
    names = [etcd_members.program_of(member) for member in members]
    await asyncio.gather(*(doors.supervisor.stop(name) for name in names))
    try:
        yield
    finally:
        for name in names:
            await doors.supervisor.start(name)
        async with doors.etcd() as client:
            await etcd_members.wait_healthy(client)


async def test_values(client: EtcdClient) -> None:
    assert await client.get("/t/a") is None
    revision = await client.put("/t/a", "ä\n")
    assert await client.get("/t/a") == ("ä\n", revision)
    await client.put("/t/b", "")
    found, at = await client.snapshot("/t/")
    assert ({key: value.value for key, value in found.items()}, at) == (
        {"/t/a": "ä\n", "/t/b": ""},
        revision + 1,
    )
    assert await client.delete("/t/a") is True
    assert await client.delete("/t/a") is False
    assert await client.delete_prefix("/t/") == 1


async def test_comparing(client: EtcdClient) -> None:
    assert await client.compare_and_put("/t/lock", "me", mod_revision=0) is True
    assert await client.compare_and_put("/t/lock", "you", mod_revision=0) is False
    held = await client.get("/t/lock")
    assert held is not None
    assert held.value == "me"


async def test_leases(client: EtcdClient) -> None:
    lease = await client.grant_lease(60)
    await client.put("/t/leased", "x", lease=lease)
    await client.revoke_lease(lease)
    await client.revoke_lease(lease)
    assert await client.get("/t/leased") is None


async def test_watch_begins_with_what_is_there(client: EtcdClient) -> None:
    await client.put("/t/a", "1")
    events = client.watch_prefix("/t/")
    async with contextlib.aclosing(events), asyncio.timeout(20):
        assert (await anext(events)).kind == "reset"
        first = await anext(events)
        assert (first.kind, first.key, first.value) == ("put", "/t/a", "1")
        await client.put("/t/b", "2")
        await client.put("/other", "x")
        await client.delete("/t/a")
        seen = [await anext(events), await anext(events)]
    assert [(e.kind, e.key, e.value) for e in seen] == [
        ("put", "/t/b", "2"),
        ("delete", "/t/a", ""),
    ]


async def test_user_sees_its_own_prefix_only(doors: SiteDoors, client: EtcdClient) -> None:
    await client.ensure_role("cluster-orders", "/holdfast/orders/")
    for password in ("first", "second"):
        await client.ensure_user("cluster-orders", password, ["cluster-orders"])
    mine = Credentials("cluster-orders", "second")
    async with EtcdClient(doors.site.etcd_endpoints, doors.etcd_identity, credentials=mine) as user:
        await user.put("/holdfast/orders/leader", "orders-1")
        with pytest.raises(Forbidden, match="permission denied"):
            await user.get("/holdfast/ordersx")
        changes = user._changes("/t/", 1)
        with pytest.raises(Forbidden, match="declined the watch"):
            await asyncio.wait_for(anext(changes), 20)
    await client.delete_user("cluster-orders")
    await client.delete_user("cluster-orders")
    await client.delete_role("cluster-orders")
    await client.delete_role("cluster-orders")
    assert await client.users() == ["root"]


async def test_rights_that_somebody_added_are_seen_and_taken_back(client: EtcdClient) -> None:
    wanted = ["READWRITE /holdfast/orders/*"]
    await client.ensure_role("cluster-orders", "/holdfast/orders/")
    await client.ensure_user("cluster-orders", "secret", ["cluster-orders"])
    assert await client.reach("cluster-orders") == wanted
    assert await client.reach("nobody") is None
    assert await client.accepts("cluster-orders", "secret")
    assert not await client.accepts("cluster-orders", "another")

    everything = {"permType": "READ", "key": "AA==", "range_end": "AA=="}
    role = {"name": "cluster-orders", "perm": everything}
    await client._gateway.call("/v3/auth/role/grant", role)
    await client._gateway.call("/v3/auth/user/grant", {"user": "cluster-orders", "role": "root"})
    added = ["READ every key", "READWRITE /holdfast/orders/*", "READWRITE every key"]
    assert await client.reach("cluster-orders") == added

    await client.ensure_role("cluster-orders", "/holdfast/orders/")
    await client.ensure_user("cluster-orders", "secret", ["cluster-orders"])
    assert await client.reach("cluster-orders") == wanted
    assert await client._roles("cluster-orders") == ["cluster-orders"]
    await client.delete_user("cluster-orders")
    await client.delete_role("cluster-orders")


async def test_wrong_password_is_told_without_it(doors: SiteDoors) -> None:
    wrong = Credentials("root", "not-the-password")
    async with EtcdClient(
        doors.site.etcd_endpoints, doors.etcd_identity, credentials=wrong
    ) as client:
        with pytest.raises(Forbidden, match="refused user root") as caught:
            await client.get("/t/a")
    assert "not-the-password" not in f"{caught.value} {wrong!r}"


async def test_lost_token_is_renewed(client: EtcdClient) -> None:
    await client.put("/t/a", "1")
    client._gateway._token = "long.forgotten"
    assert await client.get("/t/a") is not None


@pytest.mark.parametrize("member", [1, 2, 3])
async def test_one_dead_member_is_passed_over(
    doors: SiteDoors, client: EtcdClient, member: int
) -> None:
    await client.put("/t/a", "1")
    async with stopped(doors, member):
        await retried(client)
        health = await client.members()
        assert [one.healthy for one in health].count(True) == 2
        assert not health[member - 1].healthy


async def retried(client: EtcdClient, within_s: float = 15.0) -> None:
    """Write until it works: an election takes a moment when the leader was the one to go."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            await client.put("/t/a", "2")
            return
        except Transient:
            assert time.monotonic() < deadline


async def test_frozen_member_is_passed_over(doors: SiteDoors, client: EtcdClient) -> None:
    async with frozen(doors, 1):
        await retried(client)


async def test_two_dead_members_are_told(doors: SiteDoors, client: EtcdClient) -> None:
    await client.put("/t/a", "1")
    async with stopped(doors, 1, 2):
        with pytest.raises(Transient, match="etcd has no quorum: 1 of 3 members answer"):
            await client.put("/t/a", "2")
        with pytest.raises(Transient, match="etcd has no quorum: 1 of 3 members answer"):
            await client.compare_and_put("/t/b", "2", mod_revision=0)
    value = await client.get("/t/a")
    assert value is not None


async def test_watch_goes_on_with_another_member(doors: SiteDoors, client: EtcdClient) -> None:
    events = client.watch_prefix("/t/")
    async with contextlib.aclosing(events), asyncio.timeout(60):
        assert (await anext(events)).kind == "reset"
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.5)
        async with stopped(doors, 1):
            async with doors.etcd() as writer:
                await retried(writer)
            event: Event = await waiting
            assert (event.kind, event.key, event.value) == ("put", "/t/a", "2")


async def test_nobody_answers(doors: SiteDoors) -> None:
    nowhere = [f"https://{doors.site.address(number)}:2379" for number in (240, 241, 242)]
    async with EtcdClient(nowhere, doors.etcd_identity) as client:
        with pytest.raises(Error, match="etcd has no quorum: 0 of 3 members answer"):
            await client.get("/t/a")
