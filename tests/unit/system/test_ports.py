"""Who listens where, on the real machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.system.host import SITE_VARIABLE
from holdfast.system.ports import is_free, stranger

ADDRESS = "127.93.17.5"
LISTEN = f"""
import socket, sys
listener = socket.create_server(("{ADDRESS}", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def _listener(**environment: str) -> Iterator[tuple[int, int]]:
    """The port and the pid of a process that listens."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTEN],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


def test_a_port_that_nobody_has_is_free() -> None:
    with socket.create_server((ADDRESS, 0)) as found:
        port = found.getsockname()[1]
        assert not is_free(ADDRESS, port)
    assert is_free(ADDRESS, port)
    assert stranger(ADDRESS, port, "0badcafe") is None


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the machine has no /proc/net")
def test_a_stranger_is_named_and_the_sites_own_is_none() -> None:
    with _listener() as (port, pid):
        told = stranger(ADDRESS, port, "0badcafe")
        assert told is not None and told.startswith(f"process {pid} (")
    with _listener(**{SITE_VARIABLE: "0badcafe"}) as (port, _):
        assert not is_free(ADDRESS, port)
        assert stranger(ADDRESS, port, "0badcafe") is None
        assert stranger(ADDRESS, port, "1badcafe") is not None
