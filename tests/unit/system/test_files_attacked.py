"""What the data plane's user puts into its folders does not lead root astray."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

from holdfast.core.errors import Error, Refused
from holdfast.core.layout import Site
from holdfast.engines.postgresql.cluster import Node
from holdfast.engines.postgresql.perform.member import _end_orphan
from holdfast.providers.local import OS_USER
from holdfast.system import processes
from holdfast.system.files import trim
from holdfast.system.host import Program
from holdfast.system.local_host import LocalHost
from holdfast.system.memory_host import MemoryServices
from holdfast.system.supervisor import Supervisor

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="an ordinary user has no other user's rights to give away"
)


@pytest.fixture
def host() -> LocalHost:
    return LocalHost("here", "127.0.0.1", MemoryServices())


class Place:
    """A node's folder of the data plane's user, and a folder of root's that it is after."""

    def __init__(self, root: Path) -> None:
        self.root = root
        known = {entry.pw_name for entry in pwd.getpwall()}
        self.user = OS_USER if OS_USER in known else "nobody"
        self.node = root / "home" / "clusters" / "orders" / "2"
        self.node.mkdir(parents=True)
        for folder in ("", "log", "conf", "data"):
            (self.node / folder).mkdir(exist_ok=True)
            shutil.chown(self.node / folder, self.user)
        self.victim = root / "victim"
        self.victim.mkdir(mode=0o700)
        (self.victim / "kept").write_text("root's own")
        self.victim.chmod(0o700)

    def attack(self, script: str) -> subprocess.Popen[bytes]:
        """A shell of the data plane's user in the node's folder."""
        return subprocess.Popen(
            ["/bin/sh", "-ec", script],
            cwd=self.node,
            user=self.user,
            group=pwd.getpwnam(self.user).pw_gid,
            extra_groups=[],
            env={"PATH": "/usr/bin:/bin", "VICTIM": str(self.victim)},
        )

    def attacked(self, script: str) -> None:
        assert self.attack(script).wait(timeout=10) == 0

    def assert_unharmed(self) -> None:
        found = self.victim.stat()
        assert (found.st_uid, found.st_mode & 0o777) == (0, 0o700)
        assert [path.name for path in self.victim.iterdir()] == ["kept"]
        kept = self.victim / "kept"
        assert (kept.read_text(), kept.stat().st_uid) == ("root's own", 0)


@pytest.fixture
def place() -> Iterator[Place]:
    root = Path(tempfile.mkdtemp(prefix="hf-", dir="/tmp"))
    root.chmod(0o755)
    yield Place(root)
    shutil.rmtree(root)


async def test_folder_behind_a_link_is_not_given_away(host: LocalHost, place: Place) -> None:
    place.attacked("mv log log.real; ln -s $VICTIM log")
    with pytest.raises(Refused, match=rf"{place.node}/log is a symbolic link where user"):
        await host.make_folder(str(place.node / "log"), mode=0o755, owner=place.user)
    with pytest.raises(Refused, match="/log is a symbolic link"):
        await host.make_folder(str(place.node / "log" / "new" / "er"), owner=place.user)
    place.assert_unharmed()


async def test_nothing_is_written_behind_a_link(host: LocalHost, place: Place) -> None:
    place.attacked("mv conf conf.real; ln -s $VICTIM conf")
    with pytest.raises(Refused, match="/conf is a symbolic link"):
        await host.write(str(place.node / "conf" / "before.sh"), b"evil", owner=place.user)
    place.assert_unharmed()


async def test_a_link_for_a_file_is_replaced_not_followed(host: LocalHost, place: Place) -> None:
    place.attacked("ln -s $VICTIM/kept data/pg_hba.conf")
    path = str(place.node / "data" / "pg_hba.conf")
    with pytest.raises(Refused, match=r"pg_hba\.conf is a symbolic link"):
        await host.read(path)
    await host.write(path, b"rules", mode=0o600, owner=place.user)
    assert await host.read(path) == b"rules"
    place.assert_unharmed()


async def test_nothing_is_seen_behind_a_link(host: LocalHost, place: Place) -> None:
    place.attacked("mv log log.real; ln -s $VICTIM log")
    log = str(place.node / "log")
    with pytest.raises(Refused):
        await host.read(f"{log}/kept")
    with pytest.raises(Refused):
        await host.stat(f"{log}/kept")
    with pytest.raises(Refused):
        await host.list(log)
    found = await host.stat(log)
    assert found is not None
    assert found.kind == "link"


async def test_nothing_is_removed_behind_a_link(host: LocalHost, place: Place) -> None:
    place.attacked("mv log log.real; ln -s $VICTIM log; ln -s $VICTIM data/pg_tblspc")
    with pytest.raises(Refused):
        await host.remove(str(place.node / "log" / "kept"))
    await host.remove(str(place.node / "log"))
    await host.remove(str(place.node / "data"))
    assert sorted(path.name for path in place.node.iterdir()) == ["conf", "log.real"]
    place.assert_unharmed()


async def test_the_folder_of_all_nodes_may_be_a_link_of_roots(
    host: LocalHost, place: Place
) -> None:
    """As on a machine whose home, or a part of it, stands on another disk."""
    clusters = place.root / "home" / "clusters"
    clusters.rename(place.root / "disk")
    clusters.symlink_to("../disk")
    await host.write(str(place.node / "conf" / "one"), b"1", owner=place.user)
    assert await host.list(str(place.node / "conf")) == ["one"]


async def test_a_pipe_instead_of_a_file_is_not_waited_for(host: LocalHost, place: Place) -> None:
    place.attacked("mkfifo conf/patroni.yml")
    with pytest.raises(Error, match="is no plain file"):
        await host.read(str(place.node / "conf" / "patroni.yml"))


def test_log_behind_a_link_is_not_emptied(place: Place) -> None:
    (place.victim / "kept").write_bytes(b"x" * 100)
    place.attacked("mv log log.real; ln -s $VICTIM log; ln -s $VICTIM/kept conf/a.log")
    assert trim(place.node / "log" / "kept", limit_bytes=10) is False
    assert trim(place.node / "conf" / "a.log", limit_bytes=10) is False
    assert (place.victim / "kept").stat().st_size == 100
    assert [path.name for path in place.victim.iterdir()] == ["kept"]


def test_trimmed_log_still_belongs_to_its_user(place: Place) -> None:
    place.attacked("head -c 100 /dev/zero >log/a.log")
    assert trim(place.node / "log" / "a.log", limit_bytes=10) is True
    assert {path.owner() for path in (place.node / "log").iterdir()} == {place.user}


async def test_a_link_that_comes_and_goes_is_never_followed(host: LocalHost, place: Place) -> None:
    """The attacker swaps folder and link as fast as it can, while the platform works on."""
    swapping = place.attack(
        "set +e; exec 2>/dev/null; while :; do"
        " mv -T log real; ln -s $VICTIM log; rm -f log; rmdir log; mv -T real log; done"
    )
    refused, worked, begun = 0, 0, time.monotonic()
    try:
        # Until both outcomes were seen; on a busy machine one of the two may not come in time.
        while not (refused and worked) and time.monotonic() - begun < 20:
            try:
                await host.make_folder(str(place.node / "log"), mode=0o755, owner=place.user)
                await host.write(str(place.node / "log" / "one"), b"1", owner=place.user)
                await host.remove(str(place.node / "log" / "one"))
                worked += 1
            except Refused:
                refused += 1
            except (Error, OSError):
                pass  # the folder was gone, or became a link in between
    finally:
        swapping.kill()
        swapping.wait(timeout=10)
    assert refused or worked
    place.assert_unharmed()


async def test_a_process_of_roots_in_a_lock_file_is_not_ended(
    host: LocalHost, place: Place
) -> None:
    """`apply` ends a postmaster whose data folder is gone, by a pid that a file tells."""
    root_s = subprocess.Popen(["sleep", "60"])
    try:
        place.attacked(
            f"mkdir run; printf '%s\\n' {root_s.pid} {place.node}/data >run/.s.PGSQL.5432.lock"
        )
        site = Site(PurePosixPath(place.root / "home"), "0badcafe", "127.77.13", place.user)
        node = Node(2, "orders-2", "127.77.13.12", site.node("orders", 2))
        notes: list[str] = []
        cluster, doors = SimpleNamespace(site=site), SimpleNamespace(host=host, note=notes.append)
        await _end_orphan(cluster, node, doors)
        assert notes == [f"orders-2: its data folder is gone, process {root_s.pid} is ended"]
        with pytest.raises(subprocess.TimeoutExpired):
            root_s.wait(timeout=0.3)
    finally:
        root_s.kill()
        root_s.wait(timeout=10)


def test_a_process_of_roots_in_a_record_is_not_the_program(place: Place) -> None:
    """Not even one that carries the site's mark, as the control plane does."""
    supervisor = Supervisor(place.root / "home" / "supervisor", "0badcafe")
    supervisor.prepare()
    supervisor.define(Program("etcd-1", ("/bin/true",), user=place.user))
    root_s = subprocess.Popen(["sleep", "60"], env={"HOLDFAST_SITE": "0badcafe"})
    try:
        start = processes.start_of(root_s.pid)
        record = supervisor.paths.record(place.user, "etcd-1")
        place.attacked(f"echo '{root_s.pid} {start}' >{record}")
        assert processes.recorded(record) == root_s.pid
        assert supervisor.outlived("etcd-1") is None
    finally:
        root_s.kill()
        root_s.wait(timeout=10)
