"""What PostgreSQL's own types are called and which of them share their bytes."""

from __future__ import annotations

from holdfast.schema.catalog.objects import ColumnType

SERIALS = {
    "smallserial": "int2", "serial2": "int2", "serial": "int4", "serial4": "int4",
    "bigserial": "int8", "serial8": "int8",
}  # fmt: skip
BUILT_IN = frozenset(
    [
        "bool",
        "bytea",
        "char",
        "name",
        "int8",
        "int2",
        "int2vector",
        "int4",
        "regproc",
        "text",
        "oid",
        "tid",
        "xid",
        "cid",
        "oidvector",
        "json",
        "xml",
        "pg_node_tree",
        "xid8",
        "point",
        "lseg",
        "path",
        "box",
        "polygon",
        "line",
        "float4",
        "float8",
        "circle",
        "money",
        "macaddr",
        "inet",
        "cidr",
        "macaddr8",
        "aclitem",
        "bpchar",
        "varchar",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "interval",
        "timetz",
        "bit",
        "varbit",
        "numeric",
        "refcursor",
        "regprocedure",
        "regoper",
        "regoperator",
        "regclass",
        "regcollation",
        "regtype",
        "regrole",
        "regnamespace",
        "uuid",
        "pg_lsn",
        "tsvector",
        "gtsvector",
        "tsquery",
        "regconfig",
        "regdictionary",
        "jsonb",
        "jsonpath",
        "txid_snapshot",
        "pg_snapshot",
        "int4range",
        "numrange",
        "tsrange",
        "tstzrange",
        "daterange",
        "int8range",
        "int4multirange",
        "nummultirange",
        "tsmultirange",
        "tstzmultirange",
        "datemultirange",
        "int8multirange",
        "record",
        "void",
        "any",
        "anyelement",
        "anyarray",
    ]
)
SAME_BYTES = frozenset(
    {
        ("text", "varchar"), ("varchar", "text"), ("text", "bpchar"), ("varchar", "bpchar"),
        ("cidr", "inet"), ("bit", "varbit"), ("varbit", "bit"), ("xml", "text"),
        ("xml", "varchar"), ("xml", "bpchar"),
        ("int4", "oid"), ("oid", "int4"),
        *(("oid", reg) for reg in ("regclass", "regproc", "regtype", "regrole", "regnamespace")),
        *((reg, "oid") for reg in ("regclass", "regproc", "regtype", "regrole", "regnamespace")),
        *(("int4", reg) for reg in ("regclass", "regproc", "regtype", "regrole", "regnamespace")),
        *((reg, "int4") for reg in ("regclass", "regproc", "regtype", "regrole", "regnamespace")),
        ("citext", "text"), ("text", "citext"), ("citext", "varchar"), ("varchar", "citext"),
        ("citext", "bpchar"),
    }
)  # fmt: skip
"""Casts of pg_cast without a function: the stored value is the same (binary-coercible)."""

NUMBERS = ("int2", "int4", "int8", "numeric", "float4", "float8")
TEXTS = ("text", "varchar", "bpchar", "name", "char", "citext")
TIMES = {"date": ("timestamp", "timestamptz"), "timestamp": ("date", "timestamptz", "time"),
         "timestamptz": ("date", "timestamp", "time", "timetz"), "time": ("timetz", "interval"),
         "timetz": ("time",), "interval": ("time",)}  # fmt: skip
OTHER_CASTS = frozenset(
    {
        ("json", "jsonb"), ("jsonb", "json"), ("inet", "cidr"), ("macaddr", "macaddr8"),
        ("macaddr8", "macaddr"), ("int4", "money"), ("int8", "money"), ("numeric", "money"),
        ("money", "numeric"), ("text", "regclass"), ("varchar", "regclass"), ("bool", "text"),
        ("bool", "varchar"), ("bool", "bpchar"), ("inet", "text"), ("inet", "varchar"),
        ("cidr", "text"), ("cidr", "varchar"), ("int4", "int8"), ("xid8", "xid"), ("text", "xml"),
    }
) - {("text", "xml")}  # fmt: skip
"""Assignment casts with a function, besides those between numbers and times. text to xml is
explicit only; so is anything not named here."""


def assigns(old: ColumnType, new: ColumnType) -> bool | None:
    """Whether ALTER TYPE finds a cast without USING; None where a type is somebody's own."""
    if old.array != new.array:
        return new.name in TEXTS and not new.array
    if old.name == new.name:
        return True
    if old.name not in BUILT_IN or new.name not in BUILT_IN:
        return None
    if (old.name, new.name) in SAME_BYTES or (old.name, new.name) in OTHER_CASTS:
        return True
    if old.name in NUMBERS and new.name in NUMBERS:
        return True
    if new.name in TIMES.get(old.name, ()):
        return True
    return new.name in TEXTS and new.name != "name"


def same_bytes(old: ColumnType, new: ColumnType) -> bool:
    """Whether the new type, with its modifiers, takes every stored value as it is.

    From the planner support functions of varchar, numeric, varbit, timestamp, time and interval,
    and the binary-coercible rows of pg_cast.
    """
    if old.array != new.array:
        return False
    if old.name != new.name:
        # An array of another element type is always gone through element by element.
        return (old.name, new.name) in SAME_BYTES and not new.mods and not old.array
    if old.mods == new.mods:
        return True
    return _wider(old, new)


def _wider(old: ColumnType, new: ColumnType) -> bool:
    if old.array:
        # A length cast of an array goes through every element, unless the length is gone.
        return not new.mods and old.name in ("varchar", "varbit", "numeric")
    if old.name in ("varchar", "varbit"):
        return not new.mods or (bool(old.mods) and new.mods[0] >= old.mods[0])
    if old.name == "numeric":
        return _wider_numeric(old.mods, new.mods)
    if old.name in ("timestamp", "timestamptz", "time", "timetz"):
        return not new.mods or new.mods[0] >= (old.mods[0] if old.mods else 6)
    if old.name == "interval":
        return not new.mods
    return not new.mods and old.name == "bit"


def _wider_numeric(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    if not new:
        return True
    if not old:
        return False
    scale = (*old, 0)[1], (*new, 0)[1]
    return scale[0] == scale[1] and new[0] >= old[0]


FAMILIES = {"text": "text", "varchar": "text", "timestamp": "timestamp"}


def same_order(old: ColumnType, new: ColumnType) -> bool:
    """Whether a btree index of the old type serves the new one (the same operator class)."""
    return FAMILIES.get(old.name, old.name) == FAMILIES.get(new.name, new.name)
