import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.system import processes


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["/bin/sleep", "600"], env={"HOLDFAST_SITE": "feedf00d"})
    yield child
    child.kill()
    child.wait()


def test_a_process_is_known_by_its_start(sleeper: subprocess.Popen[bytes]) -> None:
    start = processes.start_of(sleeper.pid)
    assert start is not None
    assert start != processes.start_of(1)
    assert processes.start_of(sleeper.pid) == start
    sleeper.kill()
    sleeper.wait()
    assert processes.start_of(sleeper.pid) is None


def test_a_zombie_has_ended() -> None:
    child = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.start_of(child.pid) is None
    child.wait()


def test_record_of_a_reused_pid_is_nobody(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    record = tmp_path / "a.pid"
    record.write_text(f"{sleeper.pid} {processes.start_of(sleeper.pid)}\n")
    assert processes.recorded(record) == sleeper.pid
    record.write_text(f"{sleeper.pid} 1@another-boot\n")
    assert processes.recorded(record) is None


@pytest.mark.parametrize("content", ["", "12", "x y", "-1 1@b", "999999999 1@b"])
def test_damaged_record_is_nobody(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.pid").write_text(content)
    assert processes.recorded(tmp_path / "a.pid") is None
    assert processes.recorded(tmp_path / "missing.pid") is None


def test_processes_of_a_site_are_known_by_the_mark(sleeper: subprocess.Popen[bytes]) -> None:
    found = processes.site_processes("feedf00d", "/nowhere")
    assert [one.pid for one in found] == [sleeper.pid]
    assert found[0].command == "/bin/sleep 600"
    assert processes.site_processes("feedf00", "/nowhere") == []


def test_listener_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert processes.listener("127.0.0.1", port) == os.getpid()
        assert processes.listener("127.0.0.9", port) is None
    assert processes.listener("127.0.0.1", port) is None


def test_listener_on_every_address_is_found() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert processes.listener("127.44.1.2", server.getsockname()[1]) == os.getpid()


def test_age_counts_from_the_start(sleeper: subprocess.Popen[bytes]) -> None:
    age_s = processes.age_s(sleeper.pid)
    assert age_s is not None
    assert 0 <= age_s < 60
