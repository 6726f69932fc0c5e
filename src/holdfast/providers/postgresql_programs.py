"""Which PostgreSQL majors are installed, and where their programs are."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from holdfast.core.errors import NotFound
from holdfast.system.accounts import account

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
_SAID = re.compile(r"(FATAL|HINT):\s+(.*)")
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
    said = _version_of(folder / "postgres", (folder / "postgres").stat().st_mtime_ns)
    match = _VERSION.search(said)
    return Installation(int(match[1]), match[1] + match[2], folder) if match else None


@lru_cache
def _version_of(program: Path, _made_ns: int) -> str:
    """What the program says of its version; asked anew when another one is put in its place."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def libraries(installation: Installation) -> frozenset[str]:
    """The libraries that its servers can preload: names in `$libdir` without `.so`.

    Looked for beside the programs, where Debian, RHEL and PostgreSQL's own layout have them.
    """
    folders = (installation.folder.parent / "lib", installation.folder.parent / "lib/postgresql")
    return frozenset(
        path.name.removesuffix(".so") for folder in folders for path in folder.glob("*.so")
    )


def extensions(installation: Installation) -> frozenset[str]:
    """The extensions that its databases can create; empty where their folder is not found.

    Looked for where Debian, RHEL, Homebrew and PostgreSQL's own layout have them.
    """
    beside, major = installation.folder.parent, installation.major
    folders = [
        beside / "share/extension",
        beside / "share/postgresql/extension",
        beside / f"share/postgresql@{major}/extension",
    ]
    if beside == Path(f"/usr/lib/postgresql/{major}"):
        folders.append(Path(f"/usr/share/postgresql/{major}/extension"))
    return frozenset(path.stem for folder in folders for path in folder.glob("*.control"))


def has_lz4(installation: Installation, user: str) -> bool:
    """Whether its servers were built with lz4: one without does not start with it."""
    return not parameter_fault(installation, user, "wal_compression", "lz4")


def parameter_fault(installation: Installation, user: str, name: str, value: str) -> str:
    """Why a server would not take this value; empty when it would.

    Asks the server program, which reads its options and ends: nothing is started. What a library
    brings (`pg_stat_statements.max`) is not known to it before that library is loaded, and passes.
    """
    program = installation.folder / "postgres"
    return _fault(program, program.stat().st_mtime_ns, user, name, value)


@lru_cache(maxsize=4096)
def _fault(program: Path, _made_ns: int, user: str, name: str, value: str) -> str:
    who = account(user)
    # A server does not run as root, not even to say this.
    switch: dict[str, Any] = (
        {"user": who.uid, "group": who.gid, "extra_groups": who.groups} if os.geteuid() == 0 else {}
    )
    files = ("config_file", "hba_file", "ident_file")
    places = [f"--{each}=/dev/null" for each in files] + ["--data_directory=/nonexistent"]
    done = subprocess.run(
        [program, "-C", "port", *places, "-c", f"{name}={value}"],
        env={"LC_ALL": "C", "PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=20,
        check=False,
        cwd="/",
        **switch,
    )
    if done.returncode == 0:
        return ""
    said = [*_SAID.findall(done.stderr), ("FATAL", done.stderr.strip()[-200:] or "it said nothing")]
    fatal = next(text for word, text in said if word == "FATAL")
    hint = next((text.rstrip(".") for word, text in said if word == "HINT"), "")
    if not hint and fatal.startswith("unrecognized"):
        near = get_close_matches(name.lower(), _known(program, _made_ns), n=1, cutoff=0.75)
        hint = f"did you mean {near[0]}?" if near else ""
    return f"{fatal} ({hint})" if hint else fatal


@lru_cache
def _known(program: Path, _made_ns: int) -> tuple[str, ...]:
    """The names of all parameters of a server."""
    done = subprocess.run(
        [program, "--describe-config"], capture_output=True, text=True, timeout=20, check=False
    )
    return tuple(line.partition("\t")[0].lower() for line in done.stdout.splitlines())
