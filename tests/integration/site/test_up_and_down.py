"""A real platform, without the control plane's own process: up, down, and every kind of death."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.app.site import Step, down, keep_supervisor, status, up
from holdfast.core.errors import Conflict, Error, NotFound
from holdfast.providers import control_database, local
from holdfast.providers.doors import open_site
from holdfast.providers.settings import Settings
from holdfast.system import processes
from holdfast.system.host import Priority, Program
from holdfast.system.postgresql import connect
from tests.integration.site.conftest import alive, end_all

pytestmark = pytest.mark.timeout(150)

PARTS = ["supervisor", "control-postgresql", "etcd-1", "etcd-2", "etcd-3"]


async def healthy(settings: Settings) -> list[str]:
    """Names of the parts that are well, the control plane not asked for."""
    return [part.name for part in await status(settings) if part.healthy]


async def remember(settings: Settings) -> None:
    """Leave something behind in the control database and in etcd."""
    doors = open_site(settings)
    async with await connect(doors.database_url) as connection:
        await connection.execute("create table if not exists kept as select 42 as answer")
    async with doors.etcd() as client:
        await client.put("/kept", "42")


async def remembers(settings: Settings) -> bool:
    doors = open_site(settings)
    async with await connect(doors.database_url) as connection:
        row = await (await connection.execute("select answer from kept")).fetchone()
    async with doors.etcd() as client:
        return row == (42,) and (await client.get("/kept")) is not None


async def test_up_status_down_and_up_again(home: Settings) -> None:
    steps: list[Step] = []
    await up(home, serve=False, progress=steps.append)
    assert await healthy(home) == PARTS
    assert {step.name for step in steps if step.state == "done"} == {
        "home", "supervisor", "control database", "etcd", "runtime",
    }  # fmt: skip
    await remember(home)
    pids = {part.name: part.pid for part in await status(home)}

    await up(home, serve=False)
    assert {part.name: part.pid for part in await status(home)} == pids

    assert await down(home) == []
    assert alive(home) == []
    assert {part.state for part in await status(home)} <= {"stopped", "absent"}
    assert await down(home) == []

    await up(home, serve=False)
    assert await remembers(home)
    assert await healthy(home) == PARTS


async def test_files_are_readable_by_those_they_are_for(home: Settings) -> None:
    await up(home, serve=False)
    modes = {
        "api.token": 0o600, "pki/ca.key": 0o600, "pki/ca.crt": 0o644, "pki/control.key": 0o600,
        "pki/api.key": 0o600, "secrets": 0o700, "secrets/master.key": 0o600, "etcd/1/data": 0o700,
        "control/data": 0o700, "etcd/1/pki/member.key": 0o600,
    }  # fmt: skip
    found = {name: stat.S_IMODE((home.home / name).stat().st_mode) for name in modes}
    assert found == modes


async def test_etcd_demands_certificate_and_user(home: Settings) -> None:
    await up(home, serve=False)
    doors = open_site(home)
    probe = [
        "curl", "-sS", "--max-time", "5", "--cacert", str(doors.site.ca_certificate),
        "-X", "POST", "-d", '{"key": "Lw=="}', f"{doors.site.etcd_endpoints[0]}/v3/kv/range",
    ]  # fmt: skip
    if shutil.which("curl") is None:
        pytest.skip("not installed: curl")
    refused = await doors.host.run(probe, check=False)
    assert refused.exit_code != 0
    identity = doors.etcd_identity
    certified = ["--cert", identity.certificate, "--key", identity.key]
    nobody = await doors.host.run([*probe, *certified])
    assert "user name is empty" in nobody.text


async def test_crash_of_the_machine(home: Settings) -> None:
    await up(home, serve=False)
    await remember(home)
    end_all(home)
    data = home.home / "control" / "data"
    # The old pid belongs to somebody else by now.
    lock = (data / "postmaster.pid").read_text().splitlines()
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lock[1:]]) + "\n")
    await up(home, serve=False)
    assert await healthy(home) == PARTS
    assert await remembers(home)


@pytest.mark.parametrize("victim", PARTS[1:3])
async def test_killed_part_comes_back_by_itself(home: Settings, victim: str) -> None:
    await up(home, serve=False)
    pid = {part.name: part.pid for part in await status(home)}[victim]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while await healthy(home) != PARTS or pid in {part.pid for part in await status(home)}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_killed_supervisor_is_replaced_and_adopts(home: Settings) -> None:
    await up(home, serve=False)
    before = {part.name: part.pid for part in await status(home)}
    assert before["supervisor"] is not None
    assert await keep_supervisor(home) is False
    os.kill(before["supervisor"], signal.SIGKILL)
    await asyncio.sleep(0.2)
    told = {part.name: part.detail for part in await status(home)}
    assert told["control-postgresql"]
    assert await keep_supervisor(home) is True
    after = {part.name: part.pid for part in await status(home)}
    assert after.pop("supervisor") != before.pop("supervisor")
    assert after == before
    await down(home)
    assert alive(home) == []


async def test_down_without_a_supervisor_ends_what_is_left(home: Settings) -> None:
    await up(home, serve=False)
    pid = await open_site(home).daemon.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await down(home) == []
    assert alive(home) == []


async def test_down_tells_of_stragglers_and_spares_others(home: Settings) -> None:
    await up(home, serve=False)
    site = local.load(home.home)
    mark = {**os.environ, "HOLDFAST_SITE": site.id}
    straggler = await asyncio.create_subprocess_exec("/bin/sleep", "607", env=mark)
    stranger = await asyncio.create_subprocess_exec("/bin/sleep", "608", cwd=home.home)
    waiter = asyncio.create_task(straggler.wait())
    told = await down(home)
    assert [line for line in told if "/bin/sleep 607" in line and str(straggler.pid) in line]
    await asyncio.wait_for(waiter, 5)
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


async def test_clusters_stop_in_order_and_come_back(home: Settings) -> None:
    await up(home, serve=False)
    doors = open_site(home)
    ends = home.home / "ends"
    for name, priority in (
        ("orders-1-patroni", Priority.PATRONI),
        ("orders-2-patroni", Priority.PATRONI),
        ("orders-2-pooler-rw", Priority.POOLER),
        ("orders-1-agent", Priority.NODE_AGENT),
    ):
        script = f"trap 'echo {name} >>{ends}; exit' TERM; while :; do sleep 0.1; done"
        await doors.supervisor.ensure(Program(name, ("/bin/sh", "-c", script), priority=priority))
    standby = home.home / "clusters/orders/2/data"
    standby.mkdir(parents=True)
    (standby / "standby.signal").touch()
    # A program that has just been started may not have set its trap.
    await asyncio.sleep(0.5)
    titles: list[str] = []
    await down(home, progress=lambda step: titles.append(step.name))
    assert list(dict.fromkeys(titles)) == [
        "node agent", "pooler", "replicas", "leaders", "etcd", "control database", "supervisor",
    ]  # fmt: skip
    assert ends.read_text().split() == [
        "orders-1-agent", "orders-2-pooler-rw", "orders-2-patroni", "orders-1-patroni",
    ]  # fmt: skip
    await up(home, serve=False)
    states = {name: one.state for name, one in (await doors.supervisor.status()).items()}
    assert states["orders-1-patroni"] in ("running", "starting")


async def test_two_homes_do_not_disturb_each_other(new_home: Callable[[], Settings]) -> None:
    one, two = new_home(), new_home()
    await asyncio.gather(up(one, serve=False), up(two, serve=False))
    await remember(one)
    await remember(two)
    pids = {part.name: part.pid for part in await status(two)}
    await down(one)
    assert alive(one) == []
    assert {part.name: part.pid for part in await status(two)} == pids
    assert await remembers(two)


async def test_two_ups_at_once_make_one_site(home: Settings) -> None:
    first, second = await asyncio.gather(up(home, serve=False), up(home, serve=False))
    assert first == second
    assert await healthy(home) == PARTS


async def test_taken_port_stops_up_before_anything_starts(home: Settings) -> None:
    local.prepare_home(home.home)
    site = local.allocate(home.home)
    taken = socket.create_server((site.etcd_addresses[1], 2379))
    with taken, pytest.raises(Conflict) as caught:
        await up(home, serve=False)
    said = caught.value.message
    assert f"port 2379 on {site.etcd_addresses[1]}" in said
    assert str(os.getpid()) in said
    assert alive(home) == []


async def test_damaged_control_database_is_told(home: Settings) -> None:
    await up(home, serve=False)
    await down(home)
    data = home.home / "control" / "data"
    (data / "PG_VERSION").rename(data / "hidden")
    with pytest.raises(Error, match=r"the control database in .* is damaged"):
        await up(home, serve=False)
    (data / "hidden").rename(data / "PG_VERSION")
    await up(home, serve=False)
    assert await healthy(home) == PARTS


async def test_verbs_on_a_home_without_a_site(home: Settings) -> None:
    for verb in (status, down):
        with pytest.raises(NotFound, match="no platform in"):
            await verb(home)


async def test_no_space_left(home: Settings) -> None:
    """A real, full file system (needs to mount one)."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    home.home.mkdir()
    volume = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=0711", "tmpfs", str(home.home)]
    mount = await asyncio.create_subprocess_exec(*volume)
    if await mount.wait() != 0:
        pytest.skip("mounting is not allowed here; the next test fails writes without it")
    try:
        with pytest.raises(Error, match=r"only 64\.0 MiB are free in .*, 1\.0 GiB are needed"):
            await up(home, serve=False)
        local.allocate(home.home, needed_bytes=0)
        with contextlib.suppress(OSError), (home.home / "filler").open("wb") as filler:
            while True:
                filler.write(b"x" * 2**20)
        with pytest.raises(Error, match="no space left on device"):
            await up(home, serve=False)
        assert alive(home) == []
    finally:
        await (await asyncio.create_subprocess_exec("umount", str(home.home))).wait()


async def test_a_write_that_does_not_succeed_starts_nothing(home: Settings) -> None:
    """By a limit of the kernel's on the size of files, which everybody may set."""
    local.prepare_home(home.home)
    local.allocate(home.home)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        with pytest.raises(Error, match=rf"cannot write {home.home}/.*: file too large"):
            await up(home, serve=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert alive(home) == []
    assert not [path for path in home.home.rglob(".*") if path.is_file()]  # nothing half-written
    await up(home, serve=False)
    assert await healthy(home) == PARTS


async def test_external_database_is_used(new_home: Callable[[], Settings]) -> None:
    lender, borrower = new_home(), new_home()
    await up(lender, serve=False)
    url = control_database.url(local.load(lender.home))
    settings = Settings(borrower.home, database_url=url)
    await up(settings, serve=False)
    names = [part.name for part in await status(settings) if part.healthy]
    assert names == ["supervisor", "control-database", "etcd-1", "etcd-2", "etcd-3"]
    assert not Path(settings.home / "control" / "data").exists()


async def test_processes_of_other_sites_are_no_stragglers(home: Settings) -> None:
    await up(home, serve=False)
    found = processes.site_processes("ffffffff", str(home.home / "elsewhere"))
    assert found == []
