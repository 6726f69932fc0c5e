"""Files as they were read, and the folders that they stand in: what a convention looks at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from holdfast.core.finding import Finding

_HEAD = 4096
"""Characters of a file in which its tool makes itself known."""

_LOOKED_AT = 20
"""Files of a folder whose heads are read to find out whose they are."""

_MARK = re.compile(
    r"^--[ \t]*(\+goose|migrate:(?:up|down)|liquibase formatted sql|Up Migration|Down Migration)\b",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was read; `findings` is what was wrong with its bytes.

    One that nobody asked to have checked (`wanted` is false) is there for what it tells of the
    others: an earlier migration, a configuration.
    """

    path: str
    text: str
    findings: tuple[Finding, ...] = ()
    wanted: bool = True

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """All before the last part; empty for a file of the current folder."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True)
class Folder:
    """The files of one folder, by name.

    `names` are all names in it, also those of folders and of files that were not read;
    `surroundings` the texts of configuration files in it and above it, the nearest of each name.
    """

    path: str
    files: Mapping[str, File]
    names: frozenset[str]
    surroundings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return PurePosixPath(self.path).name

    @property
    def parent(self) -> str:
        """The folder above; a name of its own where there is none, so that siblings meet."""
        return self.path.rpartition("/")[0]

    @cached_property
    def sql(self) -> tuple[str, ...]:
        """Names of the SQL files."""
        return tuple(name for name in self.files if name.endswith((".sql", ".SQL")))

    @cached_property
    def python(self) -> tuple[str, ...]:
        """Names of the Python files."""
        return tuple(name for name in self.files if name.endswith(".py"))

    @cached_property
    def marks(self) -> frozenset[str]:
        """Comments that only one tool writes, in lower case: `+goose`, `migrate:up`."""
        heads = (self.files[name].text[:_HEAD] for name in self.sql[:_LOOKED_AT])
        return frozenset(found.lower() for head in heads for found in _MARK.findall(head))

    def has_like(self, pattern: re.Pattern[str]) -> bool:
        """Whether any name matches."""
        return any(pattern.match(name) for name in self.names)


@dataclass(frozen=True, slots=True)
class Group:
    """What one tool runs as one history: the files of a root folder, ordered by path.

    `names` are the names in the root folder, `surroundings` as in `Folder`; `settings` are the
    user's own for this tool.
    """

    root: str
    files: Sequence[File]
    names: frozenset[str] = frozenset()
    surroundings: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
