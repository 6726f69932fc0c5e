"""Read a repository with our own eyes: every stored file of every backup, and the chain of WAL.

Manifests are fetched through pgBackRest, which has the passphrase. The bytes are read by a
program of our own (`stored_reader`) where the repository is a folder of this machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

from holdfast.core.change import Json
from holdfast.engines.postgresql import stored_reader
from holdfast.engines.postgresql.render_manifest import Manifest, Stored, manifest
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.engines.postgresql.repository_report import unreadable
from holdfast.engines.postgresql.sandbox_process import run_in, step_of
from holdfast.recovery.positions import gaps, history_of
from holdfast.recovery.restore_test import Step
from holdfast.system.clock import Clock
from holdfast.system.host import Host

_TIMEOUT_S = 6 * 3600.0
_BATCH_BYTES = 256 * 2**20
_SEGMENT = 24
_AGAIN_S = (1.0, 2.0, 0.0)
"""A segment may arrive before the one that precedes it: a gap is looked at three times."""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository by its number; `folder` is where it stands on this machine, None if it does not.

    Of one that does not, our own reader sees names and sizes alone.
    """

    number: int
    folder: PurePosixPath | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the repository's index says of a backup; its manifest has to say the same."""

    label: str
    lsn: str
    wal_start: str


@dataclass
class Reading:
    """What our own reader found; `proven` holds a digest for each backup that is sound."""

    backups: int = 0
    files: int = 0
    bytes: int = 0
    bad: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    without_checksum: int = 0
    segments: int = 0
    wal_from: str = ""
    wal_to: str = ""
    not_looked_at: list[str] = field(default_factory=list)
    proven: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return asdict(self)


async def verify(
    sandbox: Sandbox, host: Host, clock: Clock, *, repository: int, label: str
) -> Step:
    """`pgbackrest verify`: it decrypts every file and compares checksums of the content."""
    begun = clock.monotonic()
    done = await run_in(
        sandbox, host, _pgbackrest(sandbox, repository, "--output=text", "--verbose", "verify"),
        timeout_s=_TIMEOUT_S,
    )  # fmt: skip
    spent_s = clock.monotonic() - begun
    if done.exit_code != 0:
        return step_of(done, "pgbackrest verify", spent_s)
    wrong = unreadable(done.text, label)
    return Step(not wrong, spent_s, wrong)


async def read(
    sandbox: Sandbox,
    host: Host,
    clock: Clock,
    *,
    repository: Place,
    backups: Sequence[Known],
    chosen: str,
    proven: Mapping[str, str],
    report: Callable[[float, float], None],
) -> Reading:
    """Read every backup, and the WAL from the chosen one on. `proven` are digests to skip by.

    `report` hears of bytes done and in all.
    """
    found = Reading(backups=len(backups))
    manifests: dict[str, Manifest] = {}
    for backup in backups:
        try:
            manifests[backup.label] = await fetch(
                sandbox, host, backup.label, repository=repository.number
            )
        except ValueError as error:
            found.bad.append(f"backup {backup.label}: {error}")
            continue
        found.bad += _strange(manifests[backup.label], backup, {each.label for each in backups})
    if repository.folder is None:
        await _sizes(sandbox, host, repository.number, manifests, found)
    else:
        await _pieces(sandbox, host, repository.folder, manifests, proven, found, report)
    if chosen in manifests:
        for wait_s in _AGAIN_S:
            await _wal(sandbox, host, repository.number, manifests[chosen], found)
            if not found.gaps:
                break
            await clock.sleep(wait_s)
    return found


async def fetch(sandbox: Sandbox, host: Host, label: str, *, repository: int = 1) -> Manifest:
    """The manifest of a backup. Raises ValueError when there is none that can be read."""
    path = f"backup/{sandbox.stanza}/{label}/backup.manifest"
    text = await _got(sandbox, host, repository, path)
    return manifest(text, sandbox.stanza)


def _strange(told: Manifest, known: Known, labels: set[str]) -> list[str]:
    """What tells a backup from the one that should stand in its place."""
    pairs = [
        ("is labelled", told.label, known.label),
        ("begins at", told.lsn, known.lsn),
        ("needs WAL from", told.wal_start, known.wal_start),
    ]
    wrong = [
        f"backup {known.label} {what} {here}, not {there}"
        for what, here, there in pairs
        if there and here != there
    ]
    lost = sorted({*told.references} - labels)
    return wrong + [f"backup {known.label} rests on {each}, which is gone" for each in lost]


async def _pieces(
    sandbox: Sandbox,
    host: Host,
    repository: PurePosixPath,
    manifests: Mapping[str, Manifest],
    proven: Mapping[str, str],
    found: Reading,
    report: Callable[[float, float], None],
) -> None:
    total = sum(each.stored.length for m in manifests.values() for each in m.files if each.stored)
    done = skipped = 0
    for label, told in manifests.items():
        pieces = [(each.name, each.stored) for each in told.files if each.stored]
        found.files += len(pieces)
        found.without_checksum += sum(piece.sha1 is None for _, piece in pieces)
        digest = await _digest(sandbox, host, repository, pieces)
        size = sum(piece.length for _, piece in pieces)
        if digest and proven.get(label) == digest:
            skipped += len(pieces)
            found.proven[label] = digest
        else:
            bad = []
            for batch in _batches(pieces):
                bad += await _hashed(sandbox, host, repository, label, batch)
                done += sum(piece.length for _, piece in batch)
                report(done, total)
            found.bad += bad
            found.bytes += size
            if digest and not bad:
                found.proven[label] = digest
    if skipped:
        found.not_looked_at.append(
            f"{skipped} stored files that were proven before and that nobody has touched since"
        )


def _batches(pieces: Sequence[tuple[str, Stored]]) -> list[list[tuple[str, Stored]]]:
    batches: list[list[tuple[str, Stored]]] = []
    size = _BATCH_BYTES
    for name, piece in pieces:
        if piece.sha1 is None:
            continue
        if size >= _BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append((name, piece))
        size += piece.length
    return batches


async def _hashed(
    sandbox: Sandbox,
    host: Host,
    repository: PurePosixPath,
    label: str,
    pieces: Sequence[tuple[str, Stored]],
) -> list[str]:
    request = [
        [f"{name} of backup {label}", str(repository / each.path), each.offset, each.length,
         each.sha1]
        for name, each in pieces
    ]  # fmt: skip
    done = await run_in(
        sandbox,
        host,
        [sandbox.python or "python3", "-I", "-S", "-c", _reader()],
        stdin=json.dumps(request).encode(),
        timeout_s=_TIMEOUT_S,
    )
    if done.exit_code != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return [f"backup {label} could not be read: {said[-1] if said else done.exit_code}"]
    answer: dict[str, Json] = json.loads(done.text)
    return list(answer["bad"])


@cache
def _reader() -> str:
    return Path(stored_reader.__file__).read_text(encoding="utf-8")


async def _digest(
    sandbox: Sandbox,
    host: Host,
    repository: PurePosixPath,
    pieces: Sequence[tuple[str, Stored]],
) -> str:
    """Changes when anybody touches one of the files, or the manifest says something else."""
    paths = sorted({str(repository / piece.path) for _, piece in pieces})
    if not paths:
        return ""
    done = await host.run(
        ["xargs", "-0", "stat", "--format=%n %s %i %.9Y %.9Z"],
        stdin="\0".join(paths).encode(),
        user=sandbox.os_user,
        check=False,
    )
    if done.exit_code != 0:
        return ""
    said = json.dumps([[name, asdict(piece)] for name, piece in pieces])
    return hashlib.sha256(done.stdout + said.encode()).hexdigest()


async def _sizes(
    sandbox: Sandbox,
    host: Host,
    repository: int,
    manifests: Mapping[str, Manifest],
    found: Reading,
) -> None:
    """See that each file is there and long enough, where its bytes cannot be read from here."""
    for label, told in manifests.items():
        folder = f"backup/{sandbox.stanza}/{label}"
        there = await _listed(sandbox, host, repository, folder)
        ends: dict[str, int] = {}
        for each in told.files:
            if each.stored:
                end = each.stored.offset + each.stored.length
                ends[each.stored.path] = max(end, ends.get(each.stored.path, 0))
                found.files += 1
        for path, end in ends.items():
            size = there.get(path.removeprefix(f"{folder}/"), {}).get("size")
            if size is None:
                found.bad.append(f"{path} is missing")
            elif size < end:
                found.bad.append(f"{path} ends {end - size} bytes early")
    found.not_looked_at.append("the bytes of the repository, which is no folder of this machine")


async def _listed(sandbox: Sandbox, host: Host, repository: int, folder: str) -> dict[str, Json]:
    command = _pgbackrest(sandbox, repository, "repo-ls", folder, "--recurse", "--output=json")
    done = await run_in(sandbox, host, command, timeout_s=600.0)
    listed: dict[str, Json] = json.loads(done.text) if done.exit_code == 0 else {}
    return listed


async def _wal(
    sandbox: Sandbox, host: Host, repository: int, told: Manifest, found: Reading
) -> None:
    """Follow the chain from the backup's first segment to the end of the newest timeline."""
    folder = f"archive/{sandbox.stanza}/{told.archive}"
    listed = await _listed(sandbox, host, repository, folder)
    names = [each.rpartition("/")[2] for each in listed]
    # A partial segment is one that a failover has cut short; its successor has a whole one.
    segments = {each[:_SEGMENT] for each in names if each[_SEGMENT : _SEGMENT + 1] == "-"}
    timelines = sorted(name[:8] for name in names if name.endswith(".history"))
    history = [(int(told.wal_start[:8], 16), "")]
    if timelines:
        newest = await _got(sandbox, host, repository, f"{folder}/{timelines[-1]}.history")
        history = [*history_of(newest), (int(timelines[-1], 16), "")]
    strange = []
    if int(told.wal_start[:8], 16) not in {timeline for timeline, _ in history}:
        strange = [f"timeline {timelines[-1]} does not descend from {told.wal_start[:8]}"]
    missing, last, count = gaps(segments, told.wal_start, history)
    found.gaps = [*strange, *missing]
    found.wal_from, found.wal_to, found.segments = told.wal_start, last, count


def _pgbackrest(sandbox: Sandbox, repository: int, *command: str) -> list[str]:
    options = [f"--config={sandbox.backup_file}", f"--stanza={sandbox.stanza}"]
    return [sandbox.pgbackrest, *options, f"--repo={repository}", *command]


async def _got(sandbox: Sandbox, host: Host, repository: int, path: str) -> str:
    """A file of the repository as text. Raises ValueError when it cannot be had."""
    command = _pgbackrest(sandbox, repository, "repo-get", path)
    done = await run_in(sandbox, host, command, timeout_s=600.0)
    if done.exit_code != 0:
        problem = step_of(done, "pgbackrest repo-get", 0.0).problem
        raise ValueError(f"{path} cannot be read: {problem}")
    return done.text
