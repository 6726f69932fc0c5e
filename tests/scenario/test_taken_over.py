"""Who has taken over a server has that server's user, and does not become root by the platform."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenario.site import RealSite

NAME = "keep"
_LONG = 17 * 2**20
_A_FEW_ROUNDS_S = 11.0
"""The control plane looks after the supervisor and long logs every five seconds."""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="an ordinary user's platform has no rights of root's to lose"
)


@pytest.fixture
def victim() -> Iterator[Path]:
    """A folder of root's that others can look into, with a long log."""
    with tempfile.TemporaryDirectory(prefix="hf-victim-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        (Path(name) / "root.log").write_bytes(b"x" * _LONG)
        yield Path(name)


def test_links_in_the_place_of_folders_lead_nowhere(site: RealSite, victim: Path) -> None:
    document = site.document(NAME, nodes=2)
    try:
        site.apply(document)
        node = Path(site.layout.node(NAME, 2).root)
        _as_intruder(site, node, f"mv log log.real; ln -s {victim} log")
        _as_intruder(site, node, f"mv conf conf.real; ln -s {victim} conf")
        refused = site.run("apply", document, "--yes", exit_code=None)
        assert refused.exit_code not in (0, 10), refused
        assert "is a symbolic link where user holdfast may put one" in f"{refused}"
        time.sleep(_A_FEW_ROUNDS_S)
        assert [path.name for path in victim.iterdir()] == ["root.log"]
        assert (victim / "root.log").stat().st_size == _LONG
        assert {victim.owner(), (victim / "root.log").owner()} == {"root"}
        assert victim.stat().st_mode & 0o777 == 0o755
        _as_intruder(site, node, "mkfifo pki/planted.crt; ln -s /dev/zero pki/endless.crt")
        told = site.run("status", timeout_s=60).err
        assert f"{node}/pki/planted.crt is no plain file" in told
        assert f"{node}/pki/endless.crt is a symbolic link where user holdfast" in told
        _as_intruder(site, node, "rm pki/planted.crt pki/endless.crt")
        _as_intruder(site, node, "rm log conf; mv log.real log; mv conf.real conf")
        site.apply(document)
        site.settled(document)
    finally:
        site.run("delete", NAME, "--purge", "--yes", exit_code=None)


def _as_intruder(site: RealSite, folder: Path, script: str) -> None:
    user = site.layout.os_user
    subprocess.run(
        ["/bin/sh", "-ec", script],
        cwd=folder, user=user, group=user, extra_groups=[], check=True, timeout=10,
    )  # fmt: skip
