"""Alembic's operations as the SQL that they issue on PostgreSQL: one function an operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from holdfast.schema.names import quoted
from holdfast.schema.reading import sqlalchemy as sa
from holdfast.schema.reading.python import (
    Called,
    Computed,
    literal,
    name,
    names,
    sql_of,
    text_of,
)

Operation = Callable[[Called], Iterator[str]]


def _table(call: Called, place: int = 0, key: str = "table_name") -> str:
    return name(call.get(place, key), call.kwargs.get("schema"))


def create_table(call: Called) -> Iterator[str]:
    """op.create_table."""
    exists = call.kwargs.get("if_not_exists") is True
    yield from sa.table(_table(call), list(call.args[1:]), if_not_exists=exists)


def drop_table(call: Called) -> Iterator[str]:
    """op.drop_table."""
    exists = "IF EXISTS " if call.kwargs.get("if_exists") is True else ""
    yield f"DROP TABLE {exists}{_table(call)}"


def rename_table(call: Called) -> Iterator[str]:
    """op.rename_table."""
    new = name(call.get(1, "new_table_name"))
    yield f"ALTER TABLE {_table(call, 0, 'old_table_name')} RENAME TO {new}"


def add_column(call: Called) -> Iterator[str]:
    """op.add_column."""
    title, found = _table(call), call.get(1, "column")
    if isinstance(found, Called):
        yield from sa.enum_types(found)
    exists = "IF NOT EXISTS " if call.kwargs.get("if_not_exists") is True else ""
    yield f"ALTER TABLE {title} ADD COLUMN {exists}{sa.column(found)}"
    if isinstance(found, Called) and found.kwargs.get("index") is True:
        yield sa.column_index(title, text_of(call.get(0, "table_name")), found)


def drop_column(call: Called) -> Iterator[str]:
    """op.drop_column."""
    exists = "IF EXISTS " if call.kwargs.get("if_exists") is True else ""
    yield f"ALTER TABLE {_table(call)} DROP COLUMN {exists}{name(call.get(1, 'column_name'))}"


def alter_column(call: Called) -> Iterator[str]:
    """op.alter_column: a statement for each thing that changes, as Alembic does."""
    kwargs = call.kwargs
    title, field = _table(call), name(call.get(1, "column_name"))
    start = f"ALTER TABLE {title} ALTER COLUMN {field}"
    if kwargs.get("nullable") is not None:
        yield f"{start} {'DROP' if kwargs['nullable'] else 'SET'} NOT NULL"
    if kwargs.get("type_") is not None:
        using = kwargs.get("postgresql_using")
        shown = f" USING {text_of(using)}" if using is not None else ""
        yield f"{start} TYPE {sa.type_of(kwargs['type_'])}{shown}"
    if "server_default" in kwargs:
        default = kwargs["server_default"]
        if default is None or default is False:
            yield f"{start} DROP DEFAULT"
        else:
            yield f"{start} SET DEFAULT {sa.server_default(default)}"
    if kwargs.get("new_column_name") is not None:
        yield f"ALTER TABLE {title} RENAME {field} TO {name(kwargs['new_column_name'])}"
    if isinstance(kwargs.get("comment"), str):
        yield f"COMMENT ON COLUMN {title}.{field} IS {literal(kwargs['comment'])}"


def create_index(call: Called) -> Iterator[str]:
    """op.create_index."""
    kwargs = call.kwargs
    words = ["CREATE"]
    if call.get(3, "unique") is True:
        words.append("UNIQUE")
    words.append("INDEX")
    if kwargs.get("postgresql_concurrently") is True:
        words.append("CONCURRENTLY")
    if kwargs.get("if_not_exists") is True:
        words.append("IF NOT EXISTS")
    if call.get(0, "index_name") is not None:
        words.append(name(call.get(0, "index_name")))
    words += ["ON", _table(call, 1)]
    if kwargs.get("postgresql_using") is not None:
        words.append(f"USING {text_of(kwargs['postgresql_using'])}")
    words.append(f"({_indexed(call.get(2, 'columns'), kwargs.get('postgresql_ops'))})")
    if kwargs.get("postgresql_include"):
        words.append(f"INCLUDE ({names(kwargs['postgresql_include'])})")
    if kwargs.get("postgresql_nulls_not_distinct") is True:
        words.append("NULLS NOT DISTINCT")
    if kwargs.get("postgresql_where") is not None:
        words.append(f"WHERE {sql_of(kwargs['postgresql_where'])}")
    yield " ".join(words)


def _indexed(found: Any, classes: Any) -> str:
    if not isinstance(found, list):
        raise Computed
    known = classes if isinstance(classes, dict) else {}
    shown = []
    for each in found:
        if isinstance(each, str):
            kind = known.get(each)
            shown.append(quoted(each) + (f" {kind}" if isinstance(kind, str) else ""))
        else:
            shown.append(sql_of(each))
    return ", ".join(shown)


def drop_index(call: Called) -> Iterator[str]:
    """op.drop_index."""
    how = "CONCURRENTLY " if call.kwargs.get("postgresql_concurrently") is True else ""
    exists = "IF EXISTS " if call.kwargs.get("if_exists") is True else ""
    yield f"DROP INDEX {how}{exists}{name(call.get(0, 'index_name'), call.kwargs.get('schema'))}"


def create_foreign_key(call: Called) -> Iterator[str]:
    """op.create_foreign_key."""
    kwargs = call.kwargs
    source = name(call.get(1, "source_table"), kwargs.get("source_schema"))
    target = name(call.get(2, "referent_table"), kwargs.get("referent_schema"))
    own, other = names(call.get(3, "local_cols")), names(call.get(4, "remote_cols"))
    yield (
        f"ALTER TABLE {source} ADD {_named(call)}FOREIGN KEY ({own}) "
        f"REFERENCES {target} ({other}){sa.actions(call)}"
    )


def create_unique_constraint(call: Called) -> Iterator[str]:
    """op.create_unique_constraint."""
    columns = names(call.get(2, "columns"))
    yield f"ALTER TABLE {_table(call, 1)} ADD {_named(call)}UNIQUE ({columns}){sa.actions(call)}"


def create_primary_key(call: Called) -> Iterator[str]:
    """op.create_primary_key."""
    columns = names(call.get(2, "columns"))
    yield f"ALTER TABLE {_table(call, 1)} ADD {_named(call)}PRIMARY KEY ({columns})"


def create_check_constraint(call: Called) -> Iterator[str]:
    """op.create_check_constraint."""
    condition = sql_of(call.get(2, "condition"))
    yield f"ALTER TABLE {_table(call, 1)} ADD {_named(call)}CHECK ({condition}){sa.actions(call)}"


def create_exclude_constraint(call: Called) -> Iterator[str]:
    """op.create_exclude_constraint."""
    pairs = []
    for each in call.args[2:]:
        if not isinstance(each, list) or len(each) != 2:
            raise Computed
        pairs.append(f"{sql_of(each[0])} WITH {text_of(each[1])}")
    method = text_of(call.kwargs.get("using", "gist"))
    shown = ", ".join(pairs)
    yield f"ALTER TABLE {_table(call, 1)} ADD {_named(call)}EXCLUDE USING {method} ({shown})"


def _named(call: Called) -> str:
    title = call.get(0, "constraint_name")
    return "" if title is None else f"CONSTRAINT {name(title)} "


def drop_constraint(call: Called) -> Iterator[str]:
    """op.drop_constraint."""
    exists = "IF EXISTS " if call.kwargs.get("if_exists") is True else ""
    title = name(call.get(0, "constraint_name"))
    yield f"ALTER TABLE {_table(call, 1)} DROP CONSTRAINT {exists}{title}"


def execute(call: Called) -> Iterator[str]:
    """op.execute, and execute of a connection."""
    yield sql_of(call.get(0, "sqltext", call.kwargs.get("statement")))


def bulk_insert(call: Called) -> Iterator[str]:
    """op.bulk_insert: which rows does not matter to anybody else."""
    found = call.get(0, "table")
    if not isinstance(found, Called) or found.last not in ("table", "Table") or not found.args:
        raise Computed
    yield f"INSERT INTO {name(found.args[0], found.kwargs.get('schema'))} DEFAULT VALUES"


def create_table_comment(call: Called) -> Iterator[str]:
    """op.create_table_comment."""
    yield f"COMMENT ON TABLE {_table(call)} IS {literal(call.get(1, 'comment'))}"


def drop_table_comment(call: Called) -> Iterator[str]:
    """op.drop_table_comment."""
    yield f"COMMENT ON TABLE {_table(call)} IS NULL"


OPERATIONS: Mapping[str, Operation] = {
    each.__name__: each
    for each in (
        create_table, drop_table, rename_table, add_column, drop_column, alter_column,
        create_index, drop_index, create_foreign_key, create_unique_constraint,
        create_primary_key, create_check_constraint, create_exclude_constraint, drop_constraint,
        execute, bulk_insert, create_table_comment, drop_table_comment,
    )
}  # fmt: skip

TABLE_FIRST = frozenset(
    {"add_column", "drop_column", "alter_column", "create_table_comment", "drop_table_comment"}
)
TABLE_SECOND = frozenset(
    {"create_index", "drop_index", "create_foreign_key", "create_unique_constraint",
     "create_primary_key", "create_check_constraint", "create_exclude_constraint",
     "drop_constraint"}
)  # fmt: skip
"""In `batch_alter_table` the table is said once: where it would stand among the arguments."""
