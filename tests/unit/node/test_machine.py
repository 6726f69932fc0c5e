"""What the machine says of a server's process, and whether a hang is told from an answer."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.node import machine
from holdfast.node.config import NodeConfig
from holdfast.node.guard import Process
from holdfast.node.probe import PatroniProbe, ServerProbe
from tests.unit.node.test_config import read

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that works in a data folder and is named by its pid file."""
    process = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    (tmp_path / "postmaster.pid").write_text(f"{process.pid}\n{tmp_path}\n")
    yield process
    process.kill()
    process.wait()


def test_a_server_is_known_by_its_pid_file_and_its_folder(server, tmp_path):
    assert machine.server(str(tmp_path)) == Process(server.pid)
    assert machine.server("/nowhere") == Process()
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert machine.server(str(tmp_path)) == Process()
    (tmp_path / "postmaster.pid").write_text("nonsense\n")
    assert machine.server(str(tmp_path)) == Process()


def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        os.sched_yield()
        signal.sigtimedwait([], 0.01)
    raise AssertionError


def test_a_stopped_server_is_told(server, tmp_path):
    server.send_signal(signal.SIGSTOP)
    eventually(lambda: machine.server(str(tmp_path)).stopped)
    assert not machine.crashed(str(tmp_path))


def test_a_crash_is_a_pid_file_without_a_process_and_nobody_in_the_folder(server, tmp_path):
    assert not machine.crashed(str(tmp_path))
    backend = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    server.kill()
    # A zombie has ended, too; and so it stays as long as nobody waits for it.
    eventually(lambda: machine.server(str(tmp_path)) == Process())
    assert not machine.crashed(str(tmp_path))
    backend.kill()
    backend.wait()
    assert machine.crashed(str(tmp_path))
    (tmp_path / "postmaster.pid").unlink()
    assert not machine.crashed(str(tmp_path))


def test_who_listens_is_found_and_known_until_its_end():
    program = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0));"
        "print(s.getsockname()[1], flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    listener = machine.Listener("127.0.0.1", int(process.stdout.readline()))
    assert listener.process() == listener.process() == Process(process.pid)
    process.send_signal(signal.SIGSTOP)
    eventually(lambda: listener.process().stopped)
    process.kill()
    process.wait()
    assert listener.process() == Process()


async def test_the_end_of_a_process_is_noticed(server):
    waiting = asyncio.create_task(machine.ends(server.pid))
    await asyncio.sleep(0)
    assert not waiting.done()
    server.kill()
    await asyncio.wait_for(waiting, 10)
    await asyncio.wait_for(machine.ends(2**22 - 1), 10)


# -- probes ----------------------------------------------------------------------------------------


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture
def config(tmp_path: Path) -> NodeConfig:
    return replace(read(), address="127.0.0.1", socket_folder=str(tmp_path))


async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def rude(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"E\x00\x00\x00\x0cC53300\x00\x00")
    await writer.drain()
    writer.close()


async def test_a_server_hangs_only_if_it_takes_connections_and_answers_none(config, tmp_path):
    probe = ServerProbe(config, tls, timeout_s=0.1)
    assert not await probe.hangs(doubtful=False)  # there is no socket
    path = tmp_path / f".s.PGSQL.{config.postgresql_port}"
    server = await asyncio.start_unix_server(silent, path)
    assert await probe.hangs(doubtful=False)
    # In doubt TCP is asked, too: it is refused here, and that is an answer.
    assert not await probe.hangs(doubtful=True)
    server.close()


async def test_an_error_is_an_answer(config, tmp_path):
    path = tmp_path / f".s.PGSQL.{config.postgresql_port}"
    server = await asyncio.start_unix_server(rude, path)
    assert not await ServerProbe(config, tls, timeout_s=5).hangs(doubtful=False)
    server.close()


async def test_in_doubt_both_ways_have_to_hang(config, tmp_path):
    by_socket = await asyncio.start_unix_server(
        silent, tmp_path / f".s.PGSQL.{config.postgresql_port}"
    )
    by_tcp = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = by_tcp.sockets[0].getsockname()[1]
    probe = ServerProbe(replace(config, postgresql_port=port), tls, timeout_s=0.1)
    (tmp_path / f".s.PGSQL.{port}").symlink_to(f".s.PGSQL.{config.postgresql_port}")
    assert await probe.hangs(doubtful=True)
    by_socket.close()
    by_tcp.close()


async def test_a_patroni_hangs_only_if_it_takes_the_connection_and_says_nothing(config):
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await PatroniProbe(replace(config, patroni_port=port), tls, timeout_s=0.1).hangs()
    server.close()
    assert not await PatroniProbe(replace(config, patroni_port=port), tls, timeout_s=5).hangs()
