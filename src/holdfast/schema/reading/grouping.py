"""From files to histories: whose each folder is, and what belongs together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.schema.conventions import Convention, conventions
from holdfast.schema.migration import Migration
from holdfast.schema.reading.files import File, Folder, Group


@dataclass(frozen=True, slots=True)
class History:
    """Migrations that one tool runs on one database."""

    tool: Convention
    root: str
    migrations: tuple[Migration, ...]


def histories(
    folders: Iterable[Folder],
    *,
    tool: str = "",
    settings: Mapping[str, Mapping[str, object]] | None = None,
) -> list[History]:
    """The histories in these folders, by root; `tool` says whose they are if not asked to guess.

    `settings` are the user's own, by tool.
    """
    groups: dict[tuple[str, str], list[Folder]] = {}
    for folder in folders:
        found = conventions()[tool] if tool else _owner(folder)
        if found is not None:
            groups.setdefault((found.root(folder), found.id), []).append(folder)
    return [
        _history(conventions()[name], root, members, (settings or {}).get(name, {}))
        for (root, name), members in sorted(groups.items())
    ]


def _owner(folder: Folder) -> Convention | None:
    return next((each for each in conventions().values() if each.claims(folder)), None)


def _history(
    tool: Convention, root: str, folders: Sequence[Folder], settings: Mapping[str, object]
) -> History:
    files: list[File] = [file for folder in folders for file in folder.files.values()]
    files.sort(key=lambda file: file.path)
    names = frozenset(name for folder in folders for name in folder.names)
    surroundings = folders[0].surroundings if folders else {}
    group = Group(root, files, names, surroundings, settings)
    return History(tool, root, tuple(tool.read(group)))
