"""The catalog that a dump (`pg_dump --schema-only`) describes."""

from __future__ import annotations

import re

from holdfast.schema.catalog.catalog import Catalog
from holdfast.schema.catalog.objects import Fact, Index, Relation, UserType, replace
from holdfast.schema.catalog.world import World
from holdfast.schema.effects import drafted, kept
from holdfast.schema.effects.transactions import controlled
from holdfast.schema.parse import Parsed, parsed

DATA = re.compile(
    r"^COPY\s[^;]*\sFROM\s+stdin;\n.*?^\\\.$", re.MULTILINE | re.DOTALL | re.IGNORECASE
)
META = re.compile(r"^\\.*$", re.MULTILINE)


def catalog_from_dump(sql: str, version: int = 18) -> Catalog:
    """Facts from the text of a dump; raises `parse.Broken` with the position of what is no SQL.

    psql's own lines and the data of COPY are passed over. The settings of the dump (an empty
    search_path above all) end with it.
    """
    return catalog_after(parsed(META.sub(_blank, DATA.sub(_blank, sql))), version)


def _blank(match: re.Match[str]) -> str:
    """As much nothing, so that positions stay true."""
    return re.sub(r"[^\n]", " ", match[0])


def catalog_after(statements: tuple[Parsed, ...], version: int) -> Catalog:
    """What these statements leave behind when they are run on an empty database."""
    world = World(Catalog(complete=True))
    for statement in statements:
        draft, _ = drafted(statement.kind, statement.node, world, version)
        if not controlled(statement.kind, statement.node, world):
            kept(draft)
        world.serial += 1
    return Catalog({key: _old(fact) for key, fact in world.facts.items()}, complete=True)


def _old(fact: Fact | None) -> Fact | None:
    """A fact that was there before everything."""
    if isinstance(fact, Relation):
        return replace(fact, born=0, migration=0)
    if isinstance(fact, Index):
        return replace(fact, born=0, migration=0)
    return replace(fact, born=0) if isinstance(fact, UserType) else fact
