"""SQLAlchemy's columns, types and constraints as PostgreSQL's dialect would write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.schema.names import quoted
from holdfast.schema.reading.python import (
    UNKNOWN,
    Called,
    Computed,
    literal,
    name,
    names,
    sql_of,
    text_of,
    texts_of,
)

_TYPES = {
    "Integer": "INTEGER", "INTEGER": "INTEGER", "INT": "INTEGER", "BigInteger": "BIGINT",
    "BIGINT": "BIGINT", "SmallInteger": "SMALLINT", "SMALLINT": "SMALLINT", "Text": "TEXT",
    "UnicodeText": "TEXT", "TEXT": "TEXT", "Boolean": "BOOLEAN", "BOOLEAN": "BOOLEAN",
    "Date": "DATE", "DATE": "DATE", "LargeBinary": "BYTEA", "BYTEA": "BYTEA", "JSON": "JSON",
    "JSONB": "JSONB", "UUID": "UUID", "Uuid": "UUID", "INET": "INET", "CIDR": "CIDR",
    "MACADDR": "MACADDR", "TSVECTOR": "TSVECTOR", "TSQUERY": "TSQUERY", "HSTORE": "HSTORE",
    "CITEXT": "CITEXT", "MONEY": "MONEY", "OID": "OID", "REGCLASS": "REGCLASS",
    "Double": "DOUBLE PRECISION", "DOUBLE_PRECISION": "DOUBLE PRECISION",
    "DOUBLE": "DOUBLE PRECISION",
    "REAL": "REAL", "Interval": "INTERVAL", "INTERVAL": "INTERVAL", "BIT": "BIT",
    "INT4RANGE": "INT4RANGE", "INT8RANGE": "INT8RANGE", "NUMRANGE": "NUMRANGE",
    "DATERANGE": "DATERANGE", "TSRANGE": "TSRANGE", "TSTZRANGE": "TSTZRANGE", "PickleType": "BYTEA",
}  # fmt: skip
_LENGTHS = {"String": "VARCHAR", "VARCHAR": "VARCHAR", "Unicode": "VARCHAR", "CHAR": "CHAR"}
_TIMES = {"DateTime": "TIMESTAMP", "TIMESTAMP": "TIMESTAMP", "Time": "TIME", "TIME": "TIME"}


def type_of(found: Any) -> str:
    """A column's type. Raises `Computed` for one that only a program knows."""
    if isinstance(found, str):
        return found
    if not isinstance(found, Called):
        raise Computed
    kind = found.last
    if kind in _TYPES:
        return _TYPES[kind]
    if kind in _LENGTHS:
        length = found.get(0, "length")
        return f"{_LENGTHS[kind]}({length})" if isinstance(length, int) else _LENGTHS[kind]
    if kind in _TIMES:
        zone = found.get(0, "timezone") is True
        return f"{_TIMES[kind]} {'WITH' if zone else 'WITHOUT'} TIME ZONE"
    if kind in ("Numeric", "NUMERIC", "DECIMAL"):
        return _numeric(found)
    if kind in ("Float", "FLOAT"):
        precision = found.get(0, "precision")
        return f"FLOAT({precision})" if isinstance(precision, int) else "FLOAT"
    if kind == "ARRAY" and found.args:
        return f"{type_of(found.args[0])}[]"
    if kind in ("Enum", "ENUM"):
        return _enum(found)
    if kind == "with_variant" or (kind == "as_mutable" and found.args):
        raise Computed
    raise Computed


def _numeric(found: Called) -> str:
    precision, scale = found.get(0, "precision"), found.get(1, "scale")
    if not isinstance(precision, int):
        return "NUMERIC"
    return f"NUMERIC({precision}, {scale})" if isinstance(scale, int) else f"NUMERIC({precision})"


def _enum(found: Called) -> str:
    if found.kwargs.get("native_enum") is False:
        length = max((len(each) for each in found.args if isinstance(each, str)), default=255)
        return f"VARCHAR({length})"
    return name(found.kwargs.get("name"), found.kwargs.get("schema"))


def enum_types(column: Called) -> Iterator[str]:
    """The CREATE TYPE that SQLAlchemy issues before a table that uses an enum."""
    kind = _kind(column)
    if isinstance(kind, Called) and kind.last in ("Enum", "ENUM"):
        kwargs = kind.kwargs
        if kwargs.get("native_enum") is False or kwargs.get("create_type") is False:
            return
        labels = ", ".join(literal(each) for each in kind.args)
        yield f"CREATE TYPE {name(kwargs.get('name'), kwargs.get('schema'))} AS ENUM ({labels})"


def _kind(column: Called) -> Any:
    for each in column.args[1:2]:
        if isinstance(each, Called) and each.last in ("ForeignKey", "Identity", "Computed"):
            return None
        return each
    return column.kwargs.get("type_")


def column(found: Any, *, alone_key: bool = False, inline_key: bool = True) -> str:
    """A column's definition; `alone_key` says that it is the whole primary key."""
    if not isinstance(found, Called) or found.last != "Column":
        raise Computed
    kwargs = found.kwargs
    is_key = kwargs.get("primary_key") is True or alone_key
    kind = _column_type(found, is_serial=is_key and _is_serial(found))
    parts = [name(found.get(0, "name")), kind, *_default(found)]
    for each in found.args:
        if isinstance(each, Called) and each.last == "Identity":
            always = "ALWAYS" if each.kwargs.get("always") is True else "BY DEFAULT"
            parts.append(f"GENERATED {always} AS IDENTITY")
        if isinstance(each, Called) and each.last == "Computed":
            kept = "VIRTUAL" if each.kwargs.get("persisted") is False else "STORED"
            parts.append(f"GENERATED ALWAYS AS ({sql_of(each.args[0])}) {kept}")
    if kwargs.get("nullable") is False or (is_key and kwargs.get("nullable") is None):
        parts.append("NOT NULL")
    if inline_key and kwargs.get("primary_key") is True:
        parts.append("PRIMARY KEY")
    if kwargs.get("unique") is True and kwargs.get("index") is not True:
        parts.append("UNIQUE")
    parts += [_reference(each) for each in found.args if _is(each, "ForeignKey")]
    return " ".join(parts)


def _column_type(found: Called, *, is_serial: bool) -> str:
    kind = _kind(found)
    if kind is None:
        return "INTEGER"
    shown = type_of(kind)
    serial = {"INTEGER": "SERIAL", "BIGINT": "BIGSERIAL", "SMALLINT": "SMALLSERIAL"}
    return serial.get(shown, shown) if is_serial else shown


def _is_serial(found: Called) -> bool:
    if found.kwargs.get("autoincrement") is False or "server_default" in found.kwargs:
        return False
    return not any(_is(each, "ForeignKey", "Identity", "Computed") for each in found.args)


def _default(found: Called) -> list[str]:
    default = found.kwargs.get("server_default")
    if default is None:
        return []
    return [f"DEFAULT {server_default(default)}"]


def server_default(default: Any) -> str:
    """A server's default: a plain text is a literal, `text()` is SQL. Raises `Computed`."""
    return literal(default) if isinstance(default, str) else sql_of(default)


def _is(found: Any, *kinds: str) -> bool:
    return isinstance(found, Called) and found.last in kinds


def _reference(found: Called) -> str:
    table, _, referred = text_of(found.get(0, "column")).rpartition(".")
    shown = ".".join(quoted(part) for part in table.split("."))
    return f"REFERENCES {shown} ({quoted(referred)})" + actions(found)


def actions(found: Called) -> str:
    """What follows a foreign key: ON DELETE, DEFERRABLE and such."""
    kwargs = found.kwargs
    shown = ""
    for key, words in (("onupdate", "ON UPDATE"), ("ondelete", "ON DELETE")):
        if kwargs.get(key):
            shown += f" {words} {text_of(kwargs[key])}"
    if kwargs.get("deferrable") is True:
        shown += " DEFERRABLE"
    if kwargs.get("initially"):
        shown += f" INITIALLY {text_of(kwargs['initially'])}"
    if kwargs.get("postgresql_not_valid") is True:
        shown += " NOT VALID"
    return shown


def constraint(found: Called) -> str | None:
    """A table's constraint; None for what is none."""
    title = found.kwargs.get("name")
    start = f"CONSTRAINT {name(title)} " if title is not None else ""
    match found.last:
        case "PrimaryKeyConstraint":
            return f"{start}PRIMARY KEY ({names(list(found.args))})"
        case "UniqueConstraint":
            return f"{start}UNIQUE ({names(list(found.args))})"
        case "CheckConstraint":
            return f"{start}CHECK ({sql_of(found.get(0, 'sqltext'))})"
        case "ForeignKeyConstraint":
            own, other = texts_of(found.get(0, "columns")), texts_of(found.get(1, "refcolumns"))
            table = ".".join(quoted(part) for part in other[0].rpartition(".")[0].split("."))
            referred = names([each.rpartition(".")[2] for each in other])
            return (
                f"{start}FOREIGN KEY ({names(own)}) REFERENCES {table} ({referred}){actions(found)}"
            )
    return None


def table(title: str, parts: list[Any], *, if_not_exists: bool = False) -> Iterator[str]:
    """CREATE TABLE with what has to be before it and after it."""
    columns = [each for each in parts if _is(each, "Column")]
    if any(each is UNKNOWN for each in parts):
        raise Computed
    keys: list[str] = []
    for each in parts:
        if _is(each, "PrimaryKeyConstraint"):
            keys += texts_of(list(each.args))
    inline = sum(1 for each in columns if each.kwargs.get("primary_key") is True)
    own_keys = [text_of(each.get(0, "name")) for each in columns if each.kwargs.get("primary_key")]
    for each in columns:
        yield from enum_types(each)
    lines = [
        column(
            each,
            alone_key=keys == [each.get(0, "name")],
            inline_key=inline == 1 and not keys,
        )
        for each in columns
    ]
    lines += [made for each in parts if isinstance(each, Called) and (made := constraint(each))]
    if inline > 1 and not keys:
        lines.append(f"PRIMARY KEY ({names(own_keys)})")
    start = "CREATE TABLE IF NOT EXISTS" if if_not_exists else "CREATE TABLE"
    yield f"{start} {title} (" + ", ".join(lines) + ")"
    plain = title.rpartition(".")[2].strip('"')
    for each in columns:
        if each.kwargs.get("index") is True:
            yield column_index(title, plain, each)


def column_index(title: str, plain: str, found: Called) -> str:
    """The index that `index=True` asks for."""
    field = text_of(found.get(0, "name"))
    unique = "UNIQUE " if found.kwargs.get("unique") is True else ""
    return f"CREATE {unique}INDEX {quoted(f'ix_{plain}_{field}')} ON {title} ({quoted(field)})"
