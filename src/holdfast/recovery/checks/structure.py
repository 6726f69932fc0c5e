"""Check that tables and indexes agree, and that everything can be read and dumped.

`pg_amcheck --heapallindexed --parent-check --rootdescend` runs over every database: each row of
each table is where its B-tree indexes say, each index is in order and can be descended from its
root to every entry. From PostgreSQL 17 on, unique indexes are checked for duplicates too. Then
`pg_dump` reads every database to nowhere: the catalogue holds together and every value can be put
into text.

**Catches:** index and table that disagree, a page of an older version, damaged rows and TOAST
values, a damaged catalogue, a collation that sorts differently now (as far as the order breaks).

**Cannot see:** data that are wrong and consistent. Indexes other than B-tree are not checked
against their tables; the result counts them.

**Verdict:** `failed` when either program finds damage; `unproven` when it could not look at
everything.
"""

from __future__ import annotations

from holdfast.recovery.layer import Found, Told, spent_s, step, stepped

LAYER = 3
REQUIRED = ("structure", "dump")


def found(told: Told) -> Found:
    """From `structure` and `dump`; `structure` tells which indexes it cannot check."""
    checked, dumped = step(told, "structure"), step(told, "dump")
    checks = (
        *stepped("structure", checked, "pg_amcheck found every table and index sound"),
        *stepped("dump", dumped, "every database can be dumped"),
    )
    said = told.get("structure") or {}
    looked = tuple(said.get("looked_at", ()))
    # They run at the same time.
    spent = max(spent_s(checked), spent_s(dumped))
    return Found(checks, looked, tuple(said.get("not_looked_at", ())), spent)
