"""The catalog before the first migration, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.schema.catalog.objects import Fact, Function, Index, Relation, UserType
from holdfast.schema.names import Name


class Key(NamedTuple):
    """Where a fact stands. `space` is class (pg_class), type, function, schema or extension."""

    space: str
    name: Name


@dataclass(frozen=True, slots=True)
class Catalog:
    """Facts by key. `complete` says that what is not listed does not exist.

    Without it (no `--schema`, no database) a name that nothing says anything about is taken for an
    ordinary table of unknown content.
    """

    facts: Mapping[Key, Fact | None] = field(default_factory=dict)
    complete: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[Relation, ...]:
        """Tables, plain, partitioned and foreign."""
        return tuple(f for f in self.facts.values() if isinstance(f, Relation) and f.is_table)

    @property
    def views(self) -> tuple[Relation, ...]:
        """Views and materialised views."""
        return tuple(f for f in self.facts.values() if isinstance(f, Relation) and f.kind in "vm")

    @property
    def sequences(self) -> tuple[Relation, ...]:
        """Sequences."""
        return tuple(f for f in self.facts.values() if isinstance(f, Relation) and f.kind == "S")

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Indexes, invalid ones too."""
        return tuple(f for f in self.facts.values() if isinstance(f, Index))

    @property
    def types(self) -> tuple[UserType, ...]:
        """Enums, domains and other types of its own."""
        return tuple(f for f in self.facts.values() if isinstance(f, UserType))

    @property
    def functions(self) -> tuple[Function, ...]:
        """Functions and procedures of its own."""
        return tuple(f for f in self.facts.values() if isinstance(f, Function))


NOTHING_KNOWN = Catalog()
