"""Which PostgreSQL majors are installed, and where their programs are."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.core.errors import NotFound

OLDEST, NEWEST = 14, 18
_NEEDED = ("postgres", "initdb", "pg_ctl", "pg_basebackup", "pg_controldata", "pg_rewind", "psql")
_PATTERNS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
)
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")


@dataclass(frozen=True, slots=True)
class Installation:
    """`version` is complete (`15.13`), `folder` holds the programs."""

    major: int
    version: str
    folder: Path


def installations(folders: Sequence[str] = ()) -> dict[int, Installation]:
    """Majors 14 to 18 by number; the first found counts, and `folders` are looked into first."""
    found: dict[int, Installation] = {}
    for folder in _candidates(folders):
        installation = _installation(folder)
        if installation is not None and OLDEST <= installation.major <= NEWEST:
            found.setdefault(installation.major, installation)
    return dict(sorted(found.items()))


def installation(major: int, known: Mapping[int, Installation]) -> Installation:
    """The one of this major. Raises `NotFound` that lists which are there."""
    if major in known:
        return known[major]
    there = ", ".join(str(number) for number in known) or "none"
    raise NotFound(
        f"postgresql {major} is not installed (installed: {there})",
        subject=f"postgresql {major}",
        hint=f"install postgresql-{major}, or name its bin folder in HOLDFAST_PG_BINDIRS",
    )


def newest(known: Mapping[int, Installation]) -> Installation:
    """The highest major. Raises `NotFound` when there is none."""
    if not known:
        raise NotFound(
            f"no postgresql {OLDEST} to {NEWEST} is installed",
            subject="postgresql",
            hint="install postgresql, or name its bin folder in HOLDFAST_PG_BINDIRS",
        )
    return known[max(known)]


def _candidates(folders: Sequence[str]) -> Iterator[Path]:
    yield from (Path(folder) for folder in folders)
    for pattern in _PATTERNS:
        yield from sorted(Path("/").glob(pattern.lstrip("/")))


def _installation(folder: Path) -> Installation | None:
    if not all((folder / program).is_file() for program in _NEEDED):
        return None
    try:
        done = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stdout)
    return Installation(int(match[1]), match[1] + match[2], folder) if match else None


def libraries(installation: Installation) -> frozenset[str]:
    """The libraries that its servers can preload: names in `$libdir` without `.so`.

    Looked for beside the programs, where Debian, RHEL and PostgreSQL's own layout have them.
    """
    folders = (installation.folder.parent / "lib", installation.folder.parent / "lib/postgresql")
    return frozenset(
        path.name.removesuffix(".so") for folder in folders for path in folder.glob("*.so")
    )
