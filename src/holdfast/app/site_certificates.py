"""Certificates of a site that are about to end. Works when nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from holdfast.core.finding import Finding, Severity
from holdfast.providers import local, pki
from holdfast.providers.settings import Settings

SOON = timedelta(days=30)
"""What ends within this time should have been renewed by itself three months ago."""


def ending(settings: Settings, now: datetime) -> list[Finding]:
    """Certificates of a site that end within 30 days, the first one first.

    Raises `NotFound` when the home has no site.
    """
    home = Path(local.load(settings.home).home)
    found = sorted((ends, path) for path, ends in _certificates(home) if ends - now < SOON)
    return [_finding(path, ends, now) for ends, path in found]


def _certificates(home: Path) -> Iterator[tuple[Path, datetime]]:
    for pattern in ("pki/*.crt", "etcd/*/pki/*.crt", "clusters/*/*/pki/*.crt"):
        for path in home.glob(pattern):
            try:
                yield path, pki.ends(path.read_bytes())
            except (OSError, ValueError):
                # Not ours to read, or no certificate: a plan tells of the second.
                continue


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
