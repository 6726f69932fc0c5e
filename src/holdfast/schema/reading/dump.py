"""Two dumps of a schema compared: the statements that lead from the first to the second.

pg_dump writes every column on a line of its own and every object in the same words each time, so
that lines can be compared. Dropped objects other than columns are dropped by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from holdfast.schema.migration import Fragment

_TABLE = re.compile(r"CREATE (?:UNLOGGED )?TABLE (\S+) \(\n(.*)\n\)", re.DOTALL)
_COLUMN = re.compile(r'\s*("(?:[^"]|"")+"|\w+) (.*?),?$')
_OBJECT = re.compile(r"CREATE (?:UNIQUE )?(INDEX|VIEW|MATERIALIZED VIEW|SEQUENCE|TYPE) (\S+)")
_CONSTRAINT = re.compile(r"ALTER TABLE (?:ONLY )?(\S+)\s+ADD CONSTRAINT (\S+)")
_SKIPPED = re.compile(r"(?:SET|SELECT|INSERT|COMMENT|RESET)\b")
_DEFAULT = re.compile(r" DEFAULT (.+?)(?= NOT NULL$|$)")


def difference(before: Sequence[Fragment], after: Sequence[Fragment]) -> tuple[Fragment, ...]:
    """What to run on the first to get the second; places are those in the second."""
    known = {_normal(one.sql) for one in before}
    tables = {found[1]: found[2] for one in before if (found := _TABLE.match(one.sql))}
    kept = {_normal(one.sql) for one in after}
    result = list(_dropped(before, after, kept))
    for one in after:
        if _normal(one.sql) in known or _SKIPPED.match(one.sql):
            continue
        found = _TABLE.match(one.sql)
        if found is None or found[1] not in tables:
            result.append(one)
        else:
            result += _altered(one, found, tables[found[1]])
    return tuple(result)


def _normal(sql: str) -> str:
    return " ".join(sql.split())


def _dropped(
    before: Sequence[Fragment], after: Sequence[Fragment], kept: set[str]
) -> Iterator[Fragment]:
    here = {name for one in after if (name := _name(one.sql))}
    last = replace(after[-1]) if after else Fragment("", 1, 1, 0)
    for one in before:
        name = _name(one.sql)
        if name is None or name in here or _normal(one.sql) in kept:
            continue
        yield replace(last, sql=name)


def _name(sql: str) -> str | None:
    """How an object would be dropped, which is also what it is known by."""
    if found := _CONSTRAINT.match(sql):
        return f"ALTER TABLE {found[1]} DROP CONSTRAINT {found[2]}"
    if found := _TABLE.match(sql):
        return f"DROP TABLE {found[1]}"
    if found := _OBJECT.match(sql):
        return f"DROP {found[1]} {found[2]}"
    return None


def _columns(body: str) -> Mapping[str, str]:
    lines = (line for line in body.split("\n") if not line.strip().startswith("CONSTRAINT "))
    return {found[1]: found[2] for line in lines if (found := _COLUMN.match(line))}


def _altered(one: Fragment, found: re.Match[str], body: str) -> Iterator[Fragment]:
    table, old, new = found[1], _columns(body), _columns(found[2])
    for name, definition in new.items():
        at = one.sql.find(f"    {name} ", found.start(2)) + 4
        line = one.line + one.sql.count("\n", 0, at)
        here = replace(one, line=line, column=5, offset=one.offset + at)
        if name not in old:
            yield replace(here, sql=f"ALTER TABLE {table} ADD COLUMN {name} {definition}")
        elif definition != old[name]:
            yield from _changed(here, table, name, old[name], definition)
    for name in old:
        if name not in new:
            yield replace(one, sql=f"ALTER TABLE {table} DROP COLUMN {name}")


def _changed(here: Fragment, table: str, name: str, old: str, new: str) -> Iterator[Fragment]:
    start = f"ALTER TABLE {table} ALTER COLUMN {name}"
    if _kind(old) != _kind(new):
        yield replace(here, sql=f"{start} TYPE {_kind(new)}")
    if (" NOT NULL" in old) != (" NOT NULL" in new):
        yield replace(here, sql=f"{start} {'SET' if ' NOT NULL' in new else 'DROP'} NOT NULL")
    was, is_now = _DEFAULT.search(old), _DEFAULT.search(new)
    if (was and was[1]) != (is_now and is_now[1]):
        action = f"SET DEFAULT {is_now[1]}" if is_now else "DROP DEFAULT"
        yield replace(here, sql=f"{start} {action}")


def _kind(definition: str) -> str:
    return _DEFAULT.sub("", definition).removesuffix(" NOT NULL")
