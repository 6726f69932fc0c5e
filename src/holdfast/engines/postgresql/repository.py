"""Read a repository: what backups it has, what segments, and what the segments say.

Everything here only reads, with a configuration that stands in a stage's or a sandbox's folder, so
that it works for a database of which nothing but the repository is left.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from holdfast.core.change import Json
from holdfast.core.errors import Error, NotFound
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.recovery import wal
from holdfast.recovery.target import Candidate, candidate
from holdfast.recovery.wal import Archive, Record, Segment, Stretch
from holdfast.system.host import Completed, Host

_BATCH = 8
_MISSING = 1
"""What `pgbackrest info` calls a stanza of which there is nothing."""


@dataclass(frozen=True, slots=True)
class Repository:
    """One stanza, as it is read from a box's folder.

    `control` is a data folder of the same cluster, whose control file `archive-get` demands;
    None where there is none yet. `number` is that of the repository in the configuration.
    """

    box: Sandbox
    host: Host
    control: PurePosixPath | None = None
    number: int = 1

    async def backups(self) -> list[Candidate]:
        """Every complete backup, oldest first.

        Raises `NotFound` when there is no repository, `Error` when it cannot be read.
        """
        # One that was taken of a server that stood still has no positions; none of ours is.
        return [candidate(each) for each in await self.facts() if each.get("lsn")]

    async def facts(self) -> list[dict[str, Json]]:
        """The same in pgBackRest's own words."""
        done = await self._run("--output=json", "info")
        if done.exit_code != 0:
            raise self._unreadable(_said(done))
        for stanza in json.loads(done.text or "[]"):
            if stanza["name"] != self.box.stanza:
                continue
            _refuse_unreadable(self, stanza)
            return [
                each
                for each in stanza["backup"]
                if (each.get("database") or {}).get("repo-key", 1) == self.number
            ]
        raise self._absent()

    async def archive(self) -> Archive:
        """The segments and history files that are there."""
        done = await self._run(
            "--output=json", "--recurse", "repo-ls", f"archive/{self.box.stanza}", timeout_s=600.0
        )
        if done.exit_code != 0:
            raise self._unreadable(_said(done))
        names = [name for name in json.loads(done.text or "{}") if "/" in name]
        newest = max((_life(name) for name in names), default="")
        return wal.archive(name for name in names if _life(name) == newest)

    async def _newest_life(self) -> str:
        done = await self._run("--output=json", "repo-ls", f"archive/{self.box.stanza}")
        names = json.loads(done.text or "{}") if done.exit_code == 0 else {}
        return max((name for name in names if _life(name)), key=_life, default="")

    async def is_half_written(self, label: str) -> bool:
        """Whether there is something of a backup that was never completed."""
        place = f"backup/{self.box.stanza}/{label}"
        done = await self._run("--output=json", "repo-ls", place)
        names = json.loads(done.text or "{}") if done.exit_code == 0 else {}
        return bool(set(names) - {"."}) and "backup.manifest" not in names

    async def history(self, timeline: int) -> str:
        """The text of a timeline's history file; empty for the first, which has none."""
        if timeline == 1:
            return ""
        life = await self._newest_life()
        name = f"archive/{self.box.stanza}/{life}/{timeline:08X}.history"
        done = await self._run("repo-get", name)
        if done.exit_code != 0:
            raise NotFound(
                f"the archive of {self.box.stanza} has no history of timeline {timeline}",
                hint="choose another timeline",
            )
        return done.text

    async def _folder(self) -> None:
        await self.host.make_folder(
            str(self.box.folder / "wal"), mode=0o700, owner=self.box.os_user
        )

    async def _fetch(self, name: str, to: PurePosixPath) -> bool:
        done = await self._run(f"--pg1-path={self.control}", "archive-get", name, str(to))
        if done.exit_code not in (0, 1):
            raise self._unreadable(_said(done))
        return done.exit_code == 0

    async def records(
        self,
        path: tuple[Stretch, ...],
        archive: Archive,
        *,
        begin: int,
        progress: Callable[[float, float, str], None] = lambda *_: None,
    ) -> AsyncIterator[list[Record]]:
        """The commits and restore points from a position to the archive's end, in their order.

        One batch of segments after the other is fetched, read and thrown away. Ends at a gap.
        """
        segments = _without_gap(wal.on_path(path, archive, begin=begin), begin)
        folder = self.box.folder / "wal"
        try:
            await self._folder()
            for first in range(0, len(segments), _BATCH):
                batch = segments[first : first + _BATCH + 1]
                progress(first, len(segments), "WAL segments read")
                for segment in batch:
                    if await self.host.stat(str(folder / segment.name)) is None:
                        await self._fetch(segment.name, folder / segment.name)
                found = [each async for each in self._dump(batch[:_BATCH], folder)]
                yield [each for each in found if each.position >= begin]
                for segment in batch[:_BATCH]:
                    await self.host.remove(str(folder / segment.name))
        finally:
            await self.host.remove(str(folder))

    async def _dump(self, segments: list[Segment], folder: PurePosixPath) -> AsyncIterator[Record]:
        """A run of segments may change its timeline; each part is read on its own."""
        parts: list[list[Segment]] = []
        for segment in segments:
            if parts and parts[-1][-1].timeline == segment.timeline:
                parts[-1].append(segment)
            else:
                parts.append([segment])
        for part in parts:
            found: list[Record] = []
            for kind in ("Transaction", "XLOG", "LogicalMessage"):
                done = await boxes.run_in(
                    self.box,
                    self.host,
                    [
                        f"{self.box.bindir}/pg_waldump",
                        f"--path={folder}",
                        f"--timeline={part[0].timeline}",
                        f"--rmgr={kind}",
                        f"--start={wal.lsn_text(part[0].begin or wal.SEGMENT_BYTES)}",
                        f"--end={wal.lsn_text(part[-1].begin + wal.SEGMENT_BYTES)}",
                    ],
                    timeout_s=600.0,
                )
                # It ends with 1 where the WAL does, which is no fault of anybody.
                found += wal.records(done.text)
            for record in sorted(found, key=lambda each: each.position):
                yield record

    async def _run(self, *command: str, timeout_s: float = 120.0) -> Completed:
        argv = [self.box.pgbackrest, f"--config={self.box.backup_file}", *command]
        if {"repo-ls", "repo-get"} & set(command):
            argv.insert(2, f"--repo={self.number}")
        else:
            argv.insert(2, f"--stanza={self.box.stanza}")
        return await boxes.run_in(self.box, self.host, argv, timeout_s=timeout_s)

    def _absent(self) -> NotFound:
        return NotFound(
            f"there is no repository of {self.box.stanza}",
            subject=f"database {self.box.stanza}",
            hint="bring its folder below the home's backups/ back, from a copy if need be",
        )

    def _unreadable(self, said: str) -> Error:
        return Error(
            f"the repository of {self.box.stanza} cannot be read: {said}",
            subject=f"database {self.box.stanza}",
            hint="see that it is there, readable, and that its passphrase is the one it was made "
            "with",
        )


def _refuse_unreadable(repository: Repository, stanza: dict[str, Json]) -> None:
    mine = [each for each in stanza.get("repo", ()) if each.get("key", 1) == repository.number]
    status = mine[0].get("status", {}) if mine else stanza.get("status", {})
    if status.get("code") == _MISSING:
        raise repository._absent()  # noqa: SLF001 - of this very module
    if status.get("code", 0) not in (0, 2):
        said = " ".join(str(status.get("message", "")).split())
        raise repository._unreadable(said[:400])  # noqa: SLF001


def _without_gap(segments: list[Segment], begin: int) -> list[Segment]:
    """The leading run of segments that follow each other, from the one that holds `begin`."""
    run: list[Segment] = []
    for segment in segments:
        expected = run[-1].number + 1 if run else begin // wal.SEGMENT_BYTES
        if segment.number != expected:
            break
        run.append(segment)
    return run


def _life(name: str) -> str:
    """The cluster's life that an archived file is of (`15-1`), in a form that sorts by age."""
    version, _, count = name.partition("/")[0].partition("-")
    return f"{int(count):08}-{version}" if count.isdigit() and version.isdigit() else ""


def _said(done: Completed) -> str:
    lines = f"{done.text}\n{done.stderr.decode(errors='replace')}".split("\n")
    told = [line.strip() for line in lines if "ERROR" in line or "HINT" in line] or lines[-4:]
    return " ".join(" ".join(told).split())[:500]
