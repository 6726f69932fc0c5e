"""What pgBackRest's manifest of a backup says: which files, where stored, with what checksums."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.core.change import Json

_EXTENSION = {"none": "", "lz4": ".lz4", "gz": ".gz", "zst": ".zst", "bz2": ".bz2"}
_EMPTY = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
"""SHA-1 of nothing: the manifest leaves the checksum of an empty file out."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the bytes of a file stand in the repository; `sha1` is theirs, None if not kept."""

    path: str
    offset: int
    length: int
    sha1: str | None


@dataclass(frozen=True, slots=True)
class File:
    """One file of a backup. `stored` is None when it is empty or stands in an earlier backup."""

    name: str
    size: int
    sha1: str
    stored: Stored | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """`archive` is the folder of the backup's WAL; `wal_start` its first segment."""

    label: str
    lsn: str
    wal_start: str
    archive: str
    references: tuple[str, ...]
    files: tuple[File, ...]


def manifest(text: str, stanza: str) -> Manifest:
    """Read a manifest. Raises ValueError when it is none."""
    sections = _sections(text)
    try:
        backup, database = sections["backup"], sections["backup:db"]
        label = backup["backup-label"]
        compressed = sections["backup:option"].get("option-compress-type", "none")
        found = Manifest(
            label=label,
            lsn=backup.get("backup-lsn-start", ""),
            wal_start=backup.get("backup-archive-start", ""),
            archive=f"{database['db-version']}-{database['db-id']}",
            references=tuple(str(backup.get("backup-reference", label)).split(",")),
            files=tuple(
                _file(name, facts, label, stanza, _EXTENSION[compressed])
                for name, facts in sections["target:file"].items()
            ),
        )
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"the manifest lacks {error}") from error
    return found


def _file(name: str, facts: Mapping[str, Json], label: str, stanza: str, extension: str) -> File:
    size = facts["size"]
    sha1 = facts.get("checksum", _EMPTY)
    if not size or facts.get("reference", label) != label:
        return File(name, size, sha1, None)
    folder = f"backup/{stanza}/{label}"
    if "bni" in facts:
        path = f"{folder}/bundle/{facts['bni']}"
    else:
        path = f"{folder}/{name}{'.pgbi' if 'bi' in facts else extension}"
    length = facts.get("repo-size", size)
    plain = not extension and length == size
    stored = Stored(path, facts.get("bno", 0), length, facts.get("rck", sha1 if plain else None))
    return File(name, size, sha1, stored)


def _sections(text: str) -> dict[str, dict[str, Json]]:
    sections: dict[str, dict[str, Json]] = {}
    current: dict[str, Json] = {}
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            current = sections.setdefault(line[1:-1], {})
        elif line:
            name, value = _split(line)
            current[name] = value
    return sections


def _split(line: str) -> tuple[str, Json]:
    """At the `=` after which JSON begins: a file's name may hold one."""
    place = line.find("=")
    while place >= 0:
        try:
            return line[:place], json.loads(line[place + 1 :])
        except ValueError:
            place = line.find("=", place + 1)
    raise ValueError(f"not a line of a manifest: {line[:80]!r}")
