"""The script that Patroni calls at a start, run for real with a shell in Patroni's place."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

import pytest

from holdfast.core.layout import NodePaths
from holdfast.engines.postgresql.cluster import Node
from holdfast.engines.postgresql.render_patroni import on_start_script

# A clock tick: what the kernel tells of a process's start is no finer.
TICK_S = 0.03


def _told(folder: Path, *, server_first: bool) -> str:
    """What a Patroni hears whose server began before or after it."""
    node = Node(1, "orders-1", "127.0.0.1", NodePaths(PurePosixPath(folder)))
    (folder / "data").mkdir()
    script = folder / "on_start.sh"
    script.write_text(on_start_script(node))
    pid = folder / "data" / "postmaster.pid"
    server = "sleep 5 & echo $! >" + str(pid)
    patroni = f"trap 'echo read anew' HUP; sleep {TICK_S}; {'' if server_first else server + '; '}"
    patroni += f"sh {script} on_start replica orders; echo done; kill $(cat {pid})"
    outer = f'{server}; sleep {TICK_S}; sh -c "$0"' if server_first else 'exec sh -c "$0"'
    done = subprocess.run(
        ["sh", "-c", outer, patroni], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the machine has no /proc")
def test_only_a_patroni_that_took_a_running_server_over_is_told(tmp_path: Path) -> None:
    for name, server_first, expected in (
        ("old", True, "read anew\ndone\n"),
        ("new", False, "done\n"),
    ):
        (tmp_path / name).mkdir()
        assert _told(tmp_path / name, server_first=server_first) == expected


def test_a_server_that_is_gone_again_is_no_fault(tmp_path: Path) -> None:
    node = Node(1, "orders-1", "127.0.0.1", NodePaths(PurePosixPath(tmp_path)))
    done = subprocess.run(
        ["sh", "-c", on_start_script(node)], capture_output=True, timeout=10, check=False
    )
    assert done.returncode == 0
