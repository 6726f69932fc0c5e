"""Tiers of a site, in the control database."""

from __future__ import annotations

from dataclasses import replace

from holdfast.spec import builtin
from holdfast.store import Store, tiers


async def test_a_site_s_tier_comes_back_and_can_be_replaced(store: Store) -> None:
    mine = replace(builtin.tiers()["tier-2"], name="reporting", description="Reports.")
    async with store.begin() as connection:
        await tiers.put(connection, mine)
    changed = replace(mine, description="Nightly reports.")
    async with store.begin() as connection:
        await tiers.put(connection, changed)
        assert await tiers.every(connection) == {"reporting": changed}
