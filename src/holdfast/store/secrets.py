"""Secrets as they lie in the control database: sealed. Nothing here can open one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.store import tables


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret's ciphertext. `key_id` names the key it was sealed with, `version` counts from 1."""

    ref: str
    ciphertext: bytes
    nonce: bytes
    key_id: str
    version: int
    created_at: datetime


async def find(connection: AsyncConnection, ref: str) -> Sealed | None:
    """One sealed secret, or None."""
    query = sa.select(tables.secret).where(tables.secret.c.ref == ref)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Sealed(*row)


async def create(
    connection: AsyncConnection, ref: str, *, ciphertext: bytes, nonce: bytes, key_id: str
) -> Sealed:
    """Record a secret unless there is one already; either way, return the one that stands.

    Two operations that create the same secret at once thus agree on one value.
    """
    fresh = insert(tables.secret).values(
        ref=ref, ciphertext=ciphertext, nonce=nonce, key_id=key_id, version=1
    )
    await connection.execute(fresh.on_conflict_do_nothing())
    query = sa.select(tables.secret).where(tables.secret.c.ref == ref)
    return Sealed(*(await connection.execute(query)).one())


async def replace(
    connection: AsyncConnection, ref: str, *, ciphertext: bytes, nonce: bytes, key_id: str
) -> Sealed:
    """Record a new value; its version is one more than the last."""
    table = tables.secret
    fresh = insert(table).values(
        ref=ref, ciphertext=ciphertext, nonce=nonce, key_id=key_id, version=1
    )
    statement = fresh.on_conflict_do_update(
        index_elements=[table.c.ref],
        set_={
            "ciphertext": fresh.excluded.ciphertext,
            "nonce": fresh.excluded.nonce,
            "key_id": fresh.excluded.key_id,
            "version": table.c.version + 1,
            "created_at": sa.func.now(),
        },
    ).returning(table)
    return Sealed(*(await connection.execute(statement)).one())


async def refs(connection: AsyncConnection, prefix: str) -> tuple[str, ...]:
    """The references that start with `prefix`, sorted."""
    query = (
        sa.select(tables.secret.c.ref)
        .where(tables.secret.c.ref.startswith(prefix, autoescape=True))
        .order_by(tables.secret.c.ref)
    )
    return tuple((await connection.execute(query)).scalars())


async def remove(connection: AsyncConnection, prefix: str) -> int:
    """Forget every secret whose reference starts with `prefix`; how many there were."""
    statement = sa.delete(tables.secret).where(
        tables.secret.c.ref.startswith(prefix, autoescape=True)
    )
    return (await connection.execute(statement)).rowcount
