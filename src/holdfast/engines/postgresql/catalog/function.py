"""The pooler's window on passwords: the one function that its role may call."""

from __future__ import annotations

import hashlib

from holdfast.engines.postgresql.catalog.names import POOL_LOGIN, SCHEMA

SIGNATURE = f"{SCHEMA}.{POOL_LOGIN}(text)"
RESULT = "TABLE(usename name, passwd text)"

# Only verifiers are handed out: PgBouncer 1.18 takes the word `md5` for the password of a role
# that has none (tried).
# The name is compared as text too, because a cast to `name` cuts at 63 bytes and would let a
# longer name pass for another role.
BODY = """
select rolname, rolpassword
from pg_catalog.pg_authid
where rolname = $1::pg_catalog.name
  and rolname::pg_catalog.text = $1
  and rolcanlogin
  and not rolsuper
  and not rolreplication
  and rolpassword like 'SCRAM-SHA-256$%'
  and (rolvaliduntil is null or rolvaliduntil > pg_catalog.now())
"""

DEFINITION = f"""
create function {SIGNATURE} returns {RESULT}
language sql stable strict security definer
set search_path = pg_catalog
as $holdfast${BODY}$holdfast$
"""


def body_digest(body: str) -> str:
    """SHA-256 of a function's body; a whole body would drown a plan."""
    return hashlib.sha256(body.encode()).hexdigest()
