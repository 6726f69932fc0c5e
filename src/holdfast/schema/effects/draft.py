"""The effects of one statement while they are being found.

A family of effects reads the catalog through the draft, so that a statement's second subcommand
sees what the first one did, and notes what happens; nothing is changed until the draft is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from holdfast.schema.catalog.catalog import Key
from holdfast.schema.catalog.functions import volatility_of
from holdfast.schema.catalog.objects import Fact, Function, Index, Relation, UserType, replace
from holdfast.schema.catalog.world import World
from holdfast.schema.effects.model import Cause, Effects, Lock
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node

T = TypeVar("T", Relation, Index)
TEMPORARY = "pg_temp"
SYSTEM = frozenset({"pg_catalog", "information_schema", "pg_toast"})


def _built_in(key: Key) -> bool:
    """Whether PostgreSQL itself has a function of that name."""
    name = key.name.name
    return key.space == "function" and (
        name in TRIGGER_FUNCTIONS or volatility_of(name) != "unknown"
    )


TRIGGER_FUNCTIONS = frozenset(
    {
        "tsvector_update_trigger",
        "tsvector_update_trigger_column",
        "suppress_redundant_updates_trigger",
    }
)


class Failed(Exception):
    """The server would refuse the statement with this SQLSTATE."""

    def __init__(self, sqlstate: str, text: str) -> None:
        super().__init__(f"{sqlstate} {text}")


class Draft:
    """What one statement is found to do, and the catalog as it would leave it."""

    def __init__(self, world: World, version: int) -> None:
        self.world = world
        self.version = version
        self.locks: dict[Name, Mode] = {}
        self.rewrites: dict[Name, None] = {}
        self.scans: dict[Name, None] = {}
        self.builds: dict[Name, None] = {}
        self.loses: list[str] = []
        self.breaks: list[str] = []
        self.causes: list[Cause] = []
        self.unseen: list[str] = []
        self.unknown: list[str] = []
        self.pending: dict[Name, str] = {}
        """Tables whose changed rows a deferred constraint will look at, and which one."""
        self.settles = False
        """Looks at all of them now (SET CONSTRAINTS ... IMMEDIATE)."""
        self.calls: set[Name] = set()
        """Functions that are being read, so that none is read twice."""
        self.writes: dict[Key, Fact | None] = {}

    # Reading

    def fact(self, key: Key) -> Fact | None:
        """One fact as this statement leaves it so far."""
        return self.writes[key] if key in self.writes else self.world.facts.get(key)

    def missing(self, key: Key) -> bool:
        """Whether it is sure that nothing of that name exists."""
        if key in self.writes:
            return self.writes[key] is None
        if key in self.world.facts:
            return self.world.facts[key] is None
        return self.world.is_all and key.name.schema not in SYSTEM and not _built_in(key)

    def found(self, name: Name) -> Relation | Index | None:
        """What pg_class holds under that name, None if nobody knows of anything."""
        fact = self.fact(Key("class", name))
        return fact if isinstance(fact, (Relation, Index)) else None

    def named(self, node: Node, *, new: bool = False) -> Name:
        """The name that a RangeVar stands for, by the search path."""
        if node.relpersistence == "t":
            return Name(TEMPORARY, node.relname)
        return self.resolved(node.schemaname, node.relname, "class", new=new)

    def resolved(self, schema: str, name: str, space: str, *, new: bool = False) -> Name:
        """Where an unqualified name is found; in the first schema if it is new or unknown."""
        if schema:
            return Name(schema, name)
        path = self.world.search_path
        if not new:
            for place in (TEMPORARY, *path):
                if self.fact(Key(space, Name(place, name))) is not None:
                    return Name(place, name)
            if name.startswith("pg_") and space == "class":
                return Name("pg_catalog", name)
        return Name(path[0] if path else "public", name)

    def relation(self, name: Name) -> Relation:
        """A relation that has to exist; one that nothing is known of is an ordinary table."""
        fact = self.found(name)
        if isinstance(fact, Relation):
            return fact
        if self.missing(Key("class", name)):
            raise Failed("42P01", f'relation "{name.short}" does not exist')
        if fact is not None:
            raise Failed("42809", f'"{name.short}" is not a table')
        if name.schema not in SYSTEM:
            self.unknown.append(f"table {name.short}")
        return Relation(name, known=False)

    def index(self, name: Name, sqlstate: str = "42P01") -> Index | None:
        """An index, None if nothing is known of it."""
        fact = self.found(name)
        if fact is None and self.missing(Key("class", name)):
            raise Failed(sqlstate, f'index "{name.short}" does not exist')
        return fact if isinstance(fact, Index) else None

    def missing_index(self, table: Relation, name: str) -> bool:
        """Whether a table that is wholly known has no index of that name."""
        return table.known and self.found(Name(table.name.schema, name)) is None

    def type(self, name: Name) -> UserType | None:
        """A type of the database's own."""
        fact = self.fact(Key("type", name))
        return fact if isinstance(fact, UserType) else None

    def function(self, name: Name) -> Function | None:
        """A function of the database's own."""
        fact = self.fact(Key("function", name))
        return fact if isinstance(fact, Function) else None

    def tree(self, relation: Relation) -> Iterator[Relation]:
        """A relation and everything that inherits from it, itself first."""
        seen = {relation.name}
        queue = [relation]
        while queue:
            here = queue.pop(0)
            yield here
            for name in here.children:
                child = self.found(name)
                if name not in seen and isinstance(child, Relation):
                    seen.add(name)
                    queue.append(child)

    def indexes(self, relation: Relation) -> Iterator[Index]:
        """The known indexes of a table."""
        for name in relation.indexes:
            fact = self.found(name)
            if isinstance(fact, Index):
                yield fact

    def fresh(self, name: Name) -> bool:
        """Whether this very transaction made it, so that nobody else can see it."""
        fact = self.found(name)
        return name.schema == TEMPORARY or (fact is not None and fact.born == self.world.serial)

    # Noting

    def lock(self, name: Name, mode: Mode) -> None:
        """Take a lock; on what is fresh or the system's own it stops nobody."""
        if name.schema in SYSTEM or self.fresh(name):
            return
        if mode > self.locks.get(name, Mode.NONE):
            self.locks[name] = mode

    def scan(self, name: Name) -> None:
        """Read every row of a table."""
        if not self.fresh(name):
            self.scans[name] = None

    def rewrite(self, relation: Relation) -> None:
        """Write a table anew, with all its indexes."""
        if self.fresh(relation.name) or relation.kind not in "rm":
            return
        self.rewrites[relation.name] = None
        self.scans[relation.name] = None
        for index in self.indexes(relation):
            self.lock(index.name, Mode.ACCESS_EXCLUSIVE)
            self.build(index.name, relation.name)

    def build(self, index: Name, table: Name) -> None:
        """Build an index whole, which reads its table."""
        if not self.fresh(table):
            self.builds[index] = None
            self.scans[table] = None

    def cause(
        self,
        kind: str,
        relation: Name | None = None,
        mode: Mode = Mode.NONE,
        work: str = "",
        /,
        **facts: str,
    ) -> None:
        """Say why, for the rules."""
        self.causes.append(Cause(kind, relation, mode, work, facts))

    # Changing

    def put(self, fact: Relation | Index) -> None:
        """The catalog's new value of a relation or an index."""
        self.writes[Key("class", fact.name)] = fact

    def put_type(self, fact: UserType) -> None:
        """The catalog's new value of a type."""
        self.writes[Key("type", fact.name)] = fact

    def drop(self, name: Name, space: str = "class") -> None:
        """From now on known not to exist."""
        self.writes[Key(space, name)] = None

    def born(self, fact: T) -> T:
        """The fact, made in this transaction and this migration."""
        return replace(fact, born=self.world.serial, migration=self.world.migration)

    def effects(self, error: str | None = None) -> Effects:
        """The finished value."""
        return Effects(
            tuple(Lock(str(name), mode.pg_name) for name, mode in self.locks.items()),
            tuple(map(str, self.rewrites)),
            tuple(map(str, self.scans)),
            tuple(map(str, self.builds)),
            error,
            tuple(self.loses),
            tuple(self.breaks),
            tuple(self.causes),
            tuple(self.unseen),
        )
