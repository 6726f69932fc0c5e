"""Certificates of a site that are about to end. Works when nothing runs.

Most of them stand in folders of the data plane's user, and whoever asks may be root: what that
user puts in their place is neither followed nor waited for, and a long one is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from holdfast.core.errors import Error
from holdfast.core.finding import Finding, Severity
from holdfast.providers import local, pki
from holdfast.providers.settings import Settings
from holdfast.system.files import list_folder, read_file

SOON = timedelta(days=30)
"""What ends within this time should have been renewed by itself three months ago."""
_LONGEST = 64 * 2**10


def ending(settings: Settings, now: datetime) -> list[Finding]:
    """Certificates of a site that end within 30 days, the first one first, then unreadable ones.

    It is their files that are looked at. Raises `NotFound` when the home has no site.
    """
    home = Path(local.load(settings.home).home)
    unreadable: list[Finding] = []
    soon = [
        (found, path)
        for path in _certificates(home)
        if (found := _ends(path, unreadable)) is not None and found - now < SOON
    ]
    return [_finding(path, ends, now) for ends, path in sorted(soon)] + unreadable


def _certificates(home: Path) -> Iterator[Path]:
    for folder in (home / "pki", *_below(home / "etcd", "pki"), *_nodes(home)):
        yield from (folder / name for name in _names(folder) if name.endswith(".crt"))


def _nodes(home: Path) -> Iterator[Path]:
    for name in _names(home / "clusters"):
        yield from _below(home / "clusters" / name, "pki")


def _below(folder: Path, each_has: str) -> Iterator[Path]:
    yield from (folder / name / each_has for name in _names(folder))


def _names(folder: Path) -> list[str]:
    """Names that we may have given; none of a folder that is not ours to read, or is a link."""
    try:
        return [name for name in list_folder(folder) if name.isascii() and name.isprintable()]
    except (Error, OSError):
        return []


def _ends(path: Path, unreadable: list[Finding]) -> datetime | None:
    try:
        return pki.ends(read_file(path, limit_bytes=_LONGEST) or b"")
    except Error as error:
        unreadable.append(
            Finding(
                "certificate.unreadable",
                Severity.WARNING,
                f"certificate {path}",
                error.message,
                error.hint or f"remove it, then apply the document again: rm {path}",
                evidence={"path": str(path)},
            )
        )
    except (OSError, ValueError):
        pass  # not ours to read, or no certificate: a plan tells of the second
    return None


def _finding(path: Path, ends: datetime, now: datetime) -> Finding:
    days = (ends - now).days
    word = "ended on" if ends < now else f"ends in {days} day{'' if days == 1 else 's'}, on"
    is_authority = path.name == "ca.crt"
    return Finding(
        "certificate.ends-soon",
        Severity.WARNING,
        f"certificate {path}",
        f"it {word} {ends:%Y-%m-%d}",
        "this version cannot replace an authority: move the data to a new home in time"
        if is_authority
        else "see why the control plane has not renewed it: holdfast status, holdfast op list",
        evidence={"path": str(path), "ends": ends.isoformat()},
    )
