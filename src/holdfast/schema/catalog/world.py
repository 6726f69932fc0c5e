"""The catalog while migrations run over it: facts with an undo journal.

A migration history of thousands of files changes a few facts a statement, so facts are frozen
values in one dictionary, a transaction remembers what it replaced, and a rollback puts it back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.schema.catalog.catalog import Catalog, Key
from holdfast.schema.catalog.objects import Fact
from holdfast.schema.names import Mode, Name

Undo = tuple[Key, bool, Fact | None]


@dataclass(slots=True)
class Transaction:
    """The open transaction block. `by_tool` tells whose BEGIN it was."""

    by_tool: bool
    held: dict[Name, Mode] = field(default_factory=dict)
    """Locks on what others can see, strongest mode each, in the order they were first taken."""
    savepoints: list[tuple[str, int]] = field(default_factory=list)
    local: dict[str, str] = field(default_factory=dict)
    settings_before: dict[str, str] = field(default_factory=dict)
    statements: int = 0
    pending: dict[Name, str] = field(default_factory=dict)
    """Tables whose changed rows a deferred constraint has yet to look at, and which one."""


class World:
    """Facts, settings and the transaction at one moment of the simulation."""

    def __init__(self, catalog: Catalog) -> None:
        self.facts: dict[Key, Fact | None] = dict(catalog.facts)
        self.complete = catalog.complete
        self.extended = any(
            key.space == "extension" and key.name.name != "plpgsql" for key in self.facts
        )
        self.settings: dict[str, str] = dict(catalog.settings)
        self.transaction: Transaction | None = None
        self.serial = 1
        """Counts transactions; a fact born in the current one is nobody else's yet."""
        self.migration = 0
        self._journal: list[Undo] = []

    @property
    def is_all(self) -> bool:
        """Whether what is not listed does not exist; extensions bring what no dump has."""
        return self.complete and not self.extended

    def put(self, key: Key, fact: Fact | None) -> None:
        """Set one fact (None: it is known not to exist), with a way back."""
        self._journal.append((key, key in self.facts, self.facts.get(key)))
        self.facts[key] = fact
        if key.space == "extension" and key.name.name != "plpgsql":
            self.extended = True

    @property
    def mark(self) -> int:
        """Where a rollback could come back to."""
        return len(self._journal)

    def undo(self, mark: int) -> None:
        """Put back everything that was replaced since the mark."""
        while len(self._journal) > mark:
            key, there, fact = self._journal.pop()
            if there:
                self.facts[key] = fact
            else:
                del self.facts[key]

    def begin(self, *, by_tool: bool) -> None:
        """Open a transaction block."""
        self.transaction = Transaction(by_tool, settings_before=dict(self.settings))

    def commit(self) -> None:
        """End it; what it made can be seen by everybody from now on."""
        self.transaction = None
        self.serial += 1

    def rollback(self, mark: int) -> None:
        """End it and forget what it did since `mark` (its begin)."""
        if self.transaction is not None:
            self.settings = self.transaction.settings_before
        self.undo(mark)
        self.transaction = None
        self.serial += 1

    def setting(self, name: str) -> str | None:
        """What a setting is now; None if nobody has set it here."""
        if self.transaction is not None and name in self.transaction.local:
            return self.transaction.local[name]
        return self.settings.get(name)

    @property
    def search_path(self) -> tuple[str, ...]:
        """Schemas in which an unqualified name is looked for."""
        text = self.setting("search_path")
        if text is None:
            return ("public",)
        names = tuple(part.strip().strip('"') for part in text.split(","))
        return tuple(name for name in names if name and name != "$user")
