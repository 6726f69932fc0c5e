"""The names that PostgreSQL chooses itself (makeObjectName, ChooseRelationName)."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.schema.catalog.catalog import Key
from holdfast.schema.effects.draft import Draft
from holdfast.schema.names import LONGEST, Name


def composed(first: str, second: str, label: str) -> str:
    """`first_second_label`, the longer of the first two cut until it fits 63 bytes."""
    parts = [first.encode(), second.encode()]
    room = LONGEST - len(label) - 1 - (1 if second else 0)
    while sum(map(len, parts)) > room:
        longer = 0 if len(parts[0]) > len(parts[1]) else 1
        parts[longer] = parts[longer][:-1]
    texts = [part.decode(errors="ignore") for part in parts]
    return "_".join([text for text in texts if text] + [label])


def chosen(draft: Draft, table: Name, columns: Sequence[str], label: str) -> str:
    """The first free name for an index (or the constraint of one) of a table."""
    joined = "_".join(columns)
    name, number = composed(table.name, joined, label), 0
    while draft.fact(Key("class", Name(table.schema, name))) is not None:
        number += 1
        name = composed(table.name, joined, f"{label}{number}")
    return name
