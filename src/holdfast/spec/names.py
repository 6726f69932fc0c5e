"""Which names are safe everywhere, and why the others are refused.

A database's name becomes a PostgreSQL identifier and the beginning of others, a folder, an etcd
key and user, a replication slot and a certificate's name. The rule is the common part of all of
these, so that a name needs quotes and escapes nowhere.
"""

from __future__ import annotations

import re

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,38}$"
"""At most 39 characters: the longest suffix still fits PostgreSQL's limit of 63 bytes."""
NAME_RULE = (
    "a name has 1 to 39 characters, starts with a letter, and has only a-z, 0-9 and _, "
    "because it becomes part of role names, folders and keys that must never need quotes"
)
IDENTIFIER_PATTERN = r"^[a-z_][a-z0-9_]{0,62}$"
IDENTIFIER_RULE = (
    "an identifier has 1 to 63 characters, starts with a letter or _, and has only "
    "a-z, 0-9 and _, so that it never needs quotes in SQL"
)
RESERVED = {
    "all": "it means every database in pg_hba.conf",
    "default": "it is a word of SQL",
    "holdfast": "the platform's own schema and roles have it",
    "information_schema": "PostgreSQL's own schema has it",
    "pgbouncer": "it is the pooler's administration console",
    "postgres": "PostgreSQL's own database and superuser have it",
    "public": "it is a schema that is always there, and every role in a GRANT",
    "replication": "it means replication connections in pg_hba.conf",
    "sameuser": "it has a meaning in pg_hba.conf",
    "samerole": "it has a meaning in pg_hba.conf",
    "samegroup": "it has a meaning in pg_hba.conf",
    "template0": "PostgreSQL's own template has it",
    "template1": "PostgreSQL's own template has it",
}

# Words that PostgreSQL 14 to 18 refuse as an unquoted name: the reserved ones and those for
# functions and types (https://www.postgresql.org/docs/18/sql-keywords-appendix.html).
_KEYWORDS_TEXT = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check
collate collation column concurrently constraint create cross current_catalog current_date
current_role current_schema current_time current_timestamp current_user default deferrable
desc distinct do else end except false fetch for foreign freeze from full grant group having
ilike in initially inner intersect into is isnull join lateral leading left like limit
localtime localtimestamp natural not notnull null offset on only or order outer overlaps
placing primary references returning right select session_user similar some symmetric
system_user table tablesample then to trailing true union unique user using variadic verbose
when where window with
"""
_KEYWORDS = frozenset(_KEYWORDS_TEXT.split())


def name_fault(name: str) -> str:
    """Why a database document cannot have this name; empty when it can."""
    if not re.fullmatch(NAME_PATTERN, name):
        return NAME_RULE
    return _meaning_fault(name)


def identifier_fault(name: str) -> str:
    """Why a logical database or schema cannot have this name; empty when it can."""
    if not re.fullmatch(IDENTIFIER_PATTERN, name):
        return IDENTIFIER_RULE
    return _meaning_fault(name)


def _meaning_fault(name: str) -> str:
    if name in RESERVED:
        return f"the name is taken: {RESERVED[name]}"
    if name.startswith("holdfast"):
        return "names that begin with holdfast belong to the platform"
    if name.startswith("pg_"):
        return "names that begin with pg_ belong to PostgreSQL"
    if name in _KEYWORDS:
        return "it is a word of SQL, which would need quotes everywhere"
    return ""
