"""The script that begins a planned stop, run by a real shell."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from holdfast.core.layout import NodePaths
from holdfast.engines.postgresql.cluster import Node
from holdfast.engines.postgresql.render_patroni import before_stop_script, planned_mark


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """In a folder whose name a shell has to be told literally."""
    root = tmp_path / "it's $HOME; here"
    for folder in ("data", "run"):
        (root / folder).mkdir(parents=True)
    return Node(1, "orders-1", "127.77.13.11", NodePaths(PurePosixPath(root)))


def _stop(node: Node, *, postmaster_in: Path, marked: bool) -> int | None:
    """How the process of the pid file ended, None if it goes on."""
    process = subprocess.Popen(["sleep", "60"], cwd=postmaster_in)
    try:
        pid_file = Path(node.paths.data / "postmaster.pid")
        pid_file.write_text(f"{process.pid}\n{node.paths.data}\n")
        if marked:
            Path(planned_mark(node)).touch()
        done = subprocess.run(["/bin/sh", "-c", before_stop_script(node)], timeout=10, check=True)
        assert done.returncode == 0
        assert not Path(planned_mark(node)).exists()
        try:
            return process.wait(timeout=0.3)
        except subprocess.TimeoutExpired:
            return None
    finally:
        process.kill()
        process.wait(timeout=10)


def test_a_planned_stop_begins_with_a_fast_shutdown(node: Node) -> None:
    assert _stop(node, postmaster_in=Path(node.paths.data), marked=True) == -signal.SIGINT


def test_any_other_stop_is_left_to_patroni(node: Node) -> None:
    assert _stop(node, postmaster_in=Path(node.paths.data), marked=False) is None


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="the system has no /proc")
def test_a_pid_that_was_given_to_another_process_is_spared(node: Node) -> None:
    assert _stop(node, postmaster_in=Path("/"), marked=True) is None
