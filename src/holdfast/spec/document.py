"""What goes into the loader and what comes out: sources, documents with their places, findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from holdfast.core.finding import Finding, Location, Severity
from holdfast.spec.model import DatabaseSpec, TierSpec

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: keys and list indexes from the top."""


@dataclass(frozen=True, slots=True)
class Source:
    """One text to read: `name` is the file's name as the user knows it.

    `text` may be raw bytes, so that a wrong encoding is a finding like any other.
    """

    name: str
    text: str | bytes


@dataclass(frozen=True, slots=True)
class Places:
    """Lines and columns, from 1, of a document's keys and values.

    `values` has the place of a value, `keys` that of the key (or list item) that holds it. What
    came in through an alias has the place of the alias.
    """

    file: str
    values: Mapping[Path, tuple[int, int]] = field(default_factory=dict)
    keys: Mapping[Path, tuple[int, int]] = field(default_factory=dict)

    def value(self, *path: str | int) -> Location:
        """Where a value stands, or the nearest thing around it that is there."""
        return self._nearest(self.values, path)

    def key(self, *path: str | int) -> Location:
        """Where a value's key stands, or the nearest thing around it that is there."""
        return self._nearest(self.keys, path)

    def _nearest(self, places: Mapping[Path, tuple[int, int]], path: Path) -> Location:
        shown = path_text(path)
        found = places.get(path)
        while found is None and path:
            path = path[:-1]
            found = self.values.get(path)
        line, column = found or (1, 1)
        return Location(self.file, line, column, shown)


@dataclass(frozen=True, slots=True)
class Document:
    """One document: `data` as read, and `spec` when it is valid on its own."""

    kind: str
    name: str
    data: Mapping[str, Any]
    places: Places
    spec: DatabaseSpec | TierSpec | None

    @property
    def subject(self) -> str:
        """How findings call it: `database orders`."""
        return f"{self.kind.lower()} {self.name}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that was read: valid documents, broken ones, and every mistake."""

    documents: tuple[Document, ...] = ()
    broken: tuple[Document, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no finding is an error."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


def path_text(path: Path) -> str:
    """A path as people write it: `databases[0].name`; keys with odd characters in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.replace("_", "").replace("-", "").isalnum() and part.isascii()
            shown = part if plain else repr(part)
            text += f".{shown}" if text else shown
    return text
