"""Deleting a database while its data are kept: proven first, and nothing acknowledged is missing.

The tests stand in the order of the story and share one database.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.system.clock import SystemClock
from tests.scenario.site import RealSite, Writer, until

NAME = "kept"
_OWN = re.compile(r"pg\d|log-path|lock-path")


@pytest.fixture(scope="module")
def document(site: RealSite) -> Iterator[Path]:
    """A database of two nodes, with a table to write to, and an owner who is never content."""
    never = {"name": "never", "sql": "select 1", "expect": 2}
    path = site.document(NAME, nodes=2, deletionPolicy="retain", verify=[never])
    site.apply(path)
    with psycopg.connect(site.dsn(NAME, "--role", "migrator"), autocommit=True) as connection:
        connection.execute(Writer.TABLE)
    yield path
    site.run("delete", NAME, "--purge", "--yes")


class Damage(threading.Thread):
    """Flips a byte in the next backup as soon as that is complete."""

    def __init__(self, repository: Path) -> None:
        super().__init__(daemon=True)
        self.backups = repository / "backup" / NAME
        self.before = set(self.backups.glob("*F"))
        self.place: Path | None = None
        self.sound = b""

    def run(self) -> None:
        end = time.monotonic() + 120
        while self.place is None and time.monotonic() < end:
            for folder in set(self.backups.glob("*F")) - self.before:
                if (folder / "backup.manifest").exists():
                    self.place = folder / "bundle" / "1"
                    self.sound = self.place.read_bytes()
                    self._write(bytes([self.sound[2000] ^ 0xFF]))
            time.sleep(0.002)

    def undo(self) -> None:
        self._write(self.sound[2000:2001])

    def _write(self, byte: bytes) -> None:
        assert self.place is not None
        with self.place.open("r+b") as file:
            file.seek(2000)
            file.write(byte)


def test_one_damaged_byte_in_the_final_backup_stops_it(site: RealSite, document: Path) -> None:
    damage = Damage(Path(site.layout.repository(NAME)))
    with Writer(site.dsn(NAME), threads=1) as writer:
        damage.start()
        ran = site.run("delete", NAME, "--force-retain-data", "--yes", exit_code=1)
        damage.join(timeout=5)
        assert damage.place is not None
        assert "cannot be read back" in ran.err, ran
        assert "is invalid" in ran.err, ran
    assert writer.failures == []
    told = site.describe(NAME)
    assert told["phase"] == "ready"
    assert sorted(node["role"] for node in told["nodes"]) == ["leader", "replica"]
    damage.undo()


def test_what_was_written_to_the_very_end_is_in_what_is_kept(
    site: RealSite, document: Path
) -> None:
    """Though the control plane is killed while it restores the final backup."""
    folder = Path(site.layout.cluster(NAME))
    backup_file = (folder / "conf" / "pgbackrest.conf").read_text()
    before = count(site)
    with Writer(site.dsn(NAME)) as writer:
        operation = site.json("delete", NAME, "--force-retain-data", "--yes", "--no-wait")["id"]
        killed_in(site, operation, "restore the backup")
        until(lambda: is_over(site, operation), deadline_s=200, what="the end of the deletion")
    assert site.json("op", "show", operation)["state"] == "succeeded"
    assert writer.failures, "the writer wrote to the end"
    assert site.describe(NAME)["phase"] == "retained"
    assert not folder.exists()
    rows = asyncio.run(restored(site, backup_file)) - before
    # The end of a connection takes the answer of a commit away, but never the commit of an answer.
    assert writer.done <= rows <= writer.done + len(writer.failures), (writer.done, rows)


def test_the_final_backup_was_restored_before(site: RealSite, document: Path) -> None:
    """The first test of it was never finished; the second says what the owner thinks of it."""
    rows = site.control_rows(
        "select verdict, reasons::text from evidence "
        f"where database = '{NAME}' and kind = 'restore-test' order by at"
    )
    assert [verdict for verdict, _ in rows] == ["unproven", "failed"]
    assert "the control plane ended" in rows[0][1]
    assert rows[1][1].count("never") == rows[1][1].count(": ") == 1, rows[1]


def killed_in(site: RealSite, operation: str, step: str) -> None:
    """Kill the control plane when an operation is in this step, and wait for the next one."""
    query = (
        f"select 1 from operation_step where operation_id = '{operation}' "
        f"and name = '{step}' and state = 'running'"
    )
    until(lambda: site.control_rows(query), deadline_s=120, every_s=0.02, what=f"step {step}")
    pid = site.services(lambda supervisor: supervisor.status())["control-plane"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def is_over(site: RealSite, operation: str) -> bool:
    query = f"select state from operation where id = '{operation}'"
    return site.control_rows(query)[0][0] not in ("queued", "running")


def count(site: RealSite) -> int:
    """Rows of the table now."""
    with psycopg.connect(site.dsn(NAME), autocommit=True) as connection:
        row = connection.execute("select count(*) from written").fetchone()
        assert row is not None
        return int(row[0])


async def restored(site: RealSite, backup_file: str) -> int:
    """Rows of the table in a restore of everything that the repository holds."""
    layout, doors, clock = site.layout, site.doors, SystemClock()
    programs = doors.installations()
    sandbox = Sandbox(
        folder=layout.sandboxes / "kept",
        stanza=NAME,
        bindir=str(programs[max(programs)].folder),
        pgbackrest=str(shutil.which("pgbackrest")),
        os_user=layout.os_user,
    )
    kept = [line for line in backup_file.splitlines() if not _OWN.match(line)]
    own = f"log-path={sandbox.log}\nlock-path={sandbox.run}\nspool-path={sandbox.run}"
    text = "\n".join(kept).replace("[global]", f"[global]\n{own}")
    backups = Path(layout.repository(NAME)) / "backup" / NAME
    newest = max(folder.name for folder in backups.glob("*F"))
    try:
        text = text.rstrip() + f"\npg1-path={sandbox.data}\n"
        await boxes.make(sandbox, doors.host, backup_file=text)
        step = await boxes.restore(sandbox, doors.host, clock, label=newest, point="", timeline=1)
        assert step.ok, step
        started, _ = await boxes.start(sandbox, doors.host, clock)
        assert started.ok, started
        async with boxes.connected(sandbox, NAME) as connection:
            row = await (await connection.execute("select count(*) from written")).fetchone()
            assert row is not None
            return int(row[0])
    finally:
        await boxes.destroy(sandbox, doors.host, clock)
