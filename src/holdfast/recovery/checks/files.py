"""Restore, and compare every restored file and page with its checksum.

The backup is restored into a sandbox, up to a restore point that the source has just written.
Before anything starts, every file is hashed and compared with the manifest that the backup was
made with, and the folder is looked through for files that the manifest does not know. When the
other layers have done their work the copy is shut down, and `pg_checksums` reads every page of
it, as replayed.

**Catches:** damaged and missing files, a lost passphrase, a backup that is not the one it says,
damaged pages, also those that were damaged before the backup was taken.

**Cannot see:** pages that are old or wrong and valid in themselves. `postgresql.auto.conf`, which
a restore writes anew, is not compared. Without page checksums in the cluster, damage that was
there when the backup was taken.

**Verdict:** `failed` when the restore fails, a file differs or a page has a wrong checksum;
`unproven` when this machine could not do it (no space, no memory) or a program was missing.
Nothing here is ever taken over from an earlier verification: what was proven then was another
copy.
"""

from __future__ import annotations

from holdfast.core.units import show_bytes
from holdfast.recovery.layer import Found, Told, spent_s, step, stepped
from holdfast.recovery.verdict import Check, failed, proven, unproven

LAYER = 1
REQUIRED = ("restore", "files", "checksums")


def found(told: Told) -> Found:
    """From `backup`, `restore`, `files` and `checksums`."""
    backup = told.get("backup")
    if "backup" in told and backup is None:
        return Found((failed("restore", "there is no complete backup"),))
    restored, pages = step(told, "restore"), step(told, "checksums")
    size = f"{backup['label']}, {show_bytes(backup['size_bytes'])}" if backup else ""
    hashed = told.get("files")
    checks = (
        *stepped("restore", restored, size),
        *_files(hashed),
        *stepped("checksums", pages, "every page has the checksum it should have"),
    )
    looked = []
    if hashed is not None and hashed["ok"] is not None:
        looked.append(f"{hashed['count']} restored files ({show_bytes(hashed['bytes'])})")
    if pages is not None and pages.ok:
        looked.append("every page of the copy after the replay")
    left_out = tuple(hashed["not_looked_at"]) if hashed else ()
    spent = spent_s(restored, pages, step(told, "files"))
    return Found(checks, tuple(looked), left_out, spent)


def _files(hashed: Told | None) -> tuple[Check, ...]:
    if hashed is None:
        return ()
    if hashed["ok"] is None:
        return (unproven("files", hashed["problem"]),)
    if not hashed["ok"]:
        return (failed("files", hashed["problem"]),)
    return (proven("files", f"{hashed['count']} files are what the manifest says"),)
