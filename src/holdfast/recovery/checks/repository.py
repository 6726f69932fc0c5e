"""Read the repository: every stored file has the checksum it should have, and no WAL is missing.

Two independent readers look at it. `pgbackrest verify` decrypts and decompresses every file of
every backup and every WAL segment and compares checksums of the content. A reader of our own
takes each manifest, reads every stored byte that it names (also inside bundles) and compares it
with the checksum that pgBackRest took when it wrote it; it compares the label and the start of
each backup with what the repository's index says of it; and it follows the WAL, segment by
segment and across timelines, from the chosen backup's start to the end of the archive. It is
independent because `pgbackrest verify` was clean before on backups that did not restore.

**Catches:** bit rot, missing and truncated files, a gap in the WAL, a backup that stands where
another one belongs.

**Cannot see:** a backup that is stored well and does not restore: a wrong passphrase in use
elsewhere, damage that was there when the backup was taken, pgBackRest's own faults. The content
of WAL is read by `pgbackrest verify` and by the replay of layer 2, not by our own reader. Of a
repository that is no folder of this machine, our own reader sees names and sizes, and of two
repositories only the one that the backup is in is read; the result names both.

**Verdict:** `failed` when either reader finds a file that is not what it should be, or a gap;
`unproven` when one of them could not look. Stored files that were proven within the tier's
`restoreTest` interval, and that the file system says nobody has touched since (size, inode, times
of modification and change), are not read again by our own reader, and the result says how many.
That is sound against everything that writes through the file system; a disk that rots in silence
is found when the interval is over, by `pgbackrest verify` at once, and by layer 1 in what it
restores.
"""

from __future__ import annotations

from holdfast.core.units import show_bytes
from holdfast.recovery.layer import Found, Told, some, spent_s, step, stepped
from holdfast.recovery.verdict import Check, failed, proven, unproven

LAYER = 0
REQUIRED = ("repository", "stored files", "wal")


def found(told: Told) -> Found:
    """From `repository` (pgbackrest verify), and `stored` (our own reader)."""
    verified, stored = step(told, "repository"), told.get("stored")
    checks = stepped("repository", verified, "pgbackrest verify found every file valid")
    if stored is None:
        return Found(checks, spent_s=spent_s(verified))
    spent = spent_s(verified) + stored["spent_s"]
    if stored.get("why_not"):
        return Found((*checks, unproven("stored files", stored["why_not"])), spent_s=spent)
    looked = (
        f"{stored['files']} stored files of {stored['backups']} backups",
        f"{show_bytes(stored['bytes'])} of them read by our own reader",
        f"WAL from {stored['wal_from']} to {stored['wal_to']}, {stored['segments']} segments",
    )
    return Found(
        (*checks, _files(stored), _wal(stored)), looked, tuple(stored["not_looked_at"]), spent
    )


def _files(stored: Told) -> Check:
    if stored["bad"]:
        return failed("stored files", some(stored["bad"]))
    if stored["without_checksum"]:
        count = stored["without_checksum"]
        return unproven("stored files", f"{count} files have no checksum of what is stored")
    return proven("stored files", f"{stored['files']} are what was written")


def _wal(stored: Told) -> Check:
    if stored["gaps"]:
        return failed("wal", some(stored["gaps"]))
    return proven("wal", f"{stored['segments']} segments without a gap")
