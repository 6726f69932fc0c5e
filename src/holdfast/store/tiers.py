"""The tiers that a site has added, or put in the place of a built-in one."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from holdfast.spec.model import TierSpec
from holdfast.store import Connection, tables


async def every(connection: Connection) -> dict[str, TierSpec]:
    """All of them by name."""
    query = sa.select(tables.tier.c.spec).order_by(tables.tier.c.name)
    found = (TierSpec.from_json(spec) for spec in (await connection.execute(query)).scalars())
    return {tier.name: tier for tier in found}


async def put(connection: Connection, tier: TierSpec) -> None:
    """Record a tier, in the place of the one of that name."""
    fresh = insert(tables.tier).values(name=tier.name, spec=tier.to_json())
    await connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[tables.tier.c.name],
            set_={"spec": fresh.excluded.spec, "updated_at": sa.func.now()},
        )
    )
