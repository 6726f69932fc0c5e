"""The facts before the first migration, asked of a running server by its own client programs.

pg_dump describes the schema, psql adds sizes, rates and invalid indexes. Both only read. The
password goes by the environment, never by the command line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.app.check_dump import facts_of_text
from holdfast.app.conninfo import without_password
from holdfast.core.errors import Error, NotFound, TimedOut
from holdfast.schema.catalog.catalog import Catalog, Key
from holdfast.schema.catalog.objects import Fact, Index, Relation, replace
from holdfast.schema.names import Name

_TIMEOUT_S = 300
_QUESTION = """
WITH age AS (
    SELECT greatest(1, extract(epoch FROM
        now() - coalesce(stats_reset, pg_postmaster_start_time())))
        AS seconds
    FROM pg_stat_database WHERE datname = current_database()
)
SELECT json_build_object(
    'version', current_setting('server_version_num')::int / 10000,
    'relations', (SELECT coalesce(json_agg(json_build_object(
        'schema', n.nspname, 'name', c.relname, 'bytes', pg_table_size(c.oid),
        'rows', CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END,
        'reads', (coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0)) / age.seconds,
        'writes', (s.n_tup_ins + s.n_tup_upd + s.n_tup_del) / age.seconds)), '[]')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN age
        LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
        WHERE c.relkind IN ('r', 'p', 'm')
          AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')),
    'invalid', (SELECT coalesce(json_agg(json_build_object(
        'schema', n.nspname, 'name', c.relname, 'definition', pg_get_indexdef(c.oid))), '[]')
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT i.indisvalid AND c.relkind = 'i')
)"""


def facts(dsn: str) -> tuple[Catalog, int | None]:
    """The catalog of a database and its server's major version. Raises `Error`, `NotFound`."""
    where, secrets = without_password(dsn)
    environment = {
        **os.environ,
        **secrets,
        "PGCONNECT_TIMEOUT": "10",
        "PGAPPNAME": "holdfast-check",
    }
    asked = ["--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    told = json.loads(_run("psql", [*asked, f"--command={_QUESTION}", where], environment))
    dump = _run("pg_dump", ["--schema-only", "--no-comments", f"--dbname={where}"], environment)
    # pg_dump passes over indexes that a failed CREATE INDEX CONCURRENTLY has left behind.
    broken = "".join(f"{each['definition']};\n" for each in told["invalid"])
    version = min(max(told["version"], 11), 18)
    catalog, _ = facts_of_text(f"{dump}\n{broken}", "the database's schema", version)
    return _measured(catalog, told), version


def _measured(catalog: Catalog, told: Mapping[str, Any]) -> Catalog:
    found: dict[Key, Fact | None] = dict(catalog.facts)
    for row in told["relations"]:
        key = Key("class", Name(row["schema"], row["name"]))
        fact = found.get(key)
        if isinstance(fact, Relation):
            found[key] = replace(
                fact,
                bytes=row["bytes"],
                rows=row["rows"],
                reads_per_s=row["reads"],
                writes_per_s=row["writes"],
            )
    for row in told["invalid"]:
        key = Key("class", Name(row["schema"], row["name"]))
        fact = found.get(key)
        if isinstance(fact, Index):
            found[key] = replace(fact, valid=False)
    return replace(catalog, facts=found)


def _run(program: str, arguments: list[str], environment: Mapping[str, str]) -> str:
    path = shutil.which(program)
    if path is None:
        folders = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        if not folders:
            raise NotFound(
                f"{program} is not installed",
                subject=program,
                hint="install postgresql-client, or give a dump with --schema",
            )
        path = str(folders[-1])
    try:
        answer = subprocess.run(
            [path, *arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimedOut(f"{program} took longer than {_TIMEOUT_S} s") from None
    if answer.returncode != 0:
        said = answer.stderr.strip().partition("\n")[0]
        raise Error(f"{program} could not read the database: {said}")
    return answer.stdout
