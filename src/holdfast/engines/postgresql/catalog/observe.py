"""What a cluster's catalog holds of the things that are desired, in the same words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.core.change import Resource
from holdfast.engines.postgresql.catalog.doors import Connect, session
from holdfast.engines.postgresql.catalog.names import MAINTENANCE_DATABASE
from holdfast.engines.postgresql.catalog.observe_cluster import Wanted, observe_cluster
from holdfast.engines.postgresql.catalog.observe_database import observe_database


async def observe(
    connect: Connect, desired: Sequence[Resource], known_verifiers: Mapping[str, str]
) -> list[Resource]:
    """The resources among `desired` that exist, as they are, and memberships that nobody wanted.

    `known_verifiers` maps a secret's reference to its verifier: a role's `password` is
    `secret:<reference>` while the server holds that one, and `changed` when it holds another.
    A logical database that is absent, or closed to connections, is observed as empty.
    """
    wanted = Wanted.of(desired, known_verifiers)
    async with session(connect, MAINTENANCE_DATABASE) as connection:
        found, reachable = await observe_cluster(connection, wanted)
    for database in dict.fromkeys(r.attributes.get("database") for r in desired):
        if database in reachable:
            async with session(connect, database) as connection:
                found += await observe_database(connection, database, wanted)
    return found
