"""What stands in a cluster beside the document and is left there: named, never removed."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.core.change import Resource
from holdfast.core.finding import Finding, Severity
from holdfast.engines.postgresql.catalog import queries
from holdfast.engines.postgresql.catalog.doors import Connect, rows, session
from holdfast.engines.postgresql.catalog.names import MAINTENANCE_DATABASE


async def leftovers(connect: Connect, desired: Sequence[Resource]) -> list[Finding]:
    """Logical databases that left the document, and roles of others with the platform's rights.

    A database may hold the last copy of something, and another's role may be in use this minute:
    both are for a person to decide.
    """
    databases = [each.attributes for each in desired if each.kind == "database"]
    roles = [each.attributes["name"] for each in desired if each.kind == "role"]
    async with session(connect, MAINTENANCE_DATABASE) as connection:
        owned = [
            name
            for owner in sorted({database["owner"] for database in databases})
            for (name,) in await rows(connection, queries.DATABASES_OF_OWNER, owner=owner)
        ]
        members = await rows(connection, queries.OUTSIDE_MEMBERS, roles=roles)
    declared = {database["name"] for database in databases}
    return [
        *(_kept(name) for name in owned if name not in declared),
        *(_outside(role, member) for role, member in members),
    ]


def _kept(name: str) -> Finding:
    return Finding(
        "catalog.database-kept",
        Severity.NOTICE,
        f"database {name}",
        f"logical database {name!r} is no longer declared and is kept with its data",
        "declare it again, or take a last dump and drop it as the superuser",
        evidence={"database": name},
    )


def _outside(role: str, member: str) -> Finding:
    return Finding(
        "catalog.outside-member",
        Severity.WARNING,
        f"role {member}",
        f"role {member!r}, which the platform does not know, is a member of {role!r}",
        f"revoke {role} from {member}, or keep it and answer for it in the access review",
        evidence={"role": role, "member": member},
    )
