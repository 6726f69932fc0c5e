"""One change to the catalog, carried out. Every one may be carried out twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from holdfast.core.change import Action, Change, Json
from holdfast.core.errors import Refused
from holdfast.engines.postgresql.catalog.doors import Connect, Connection, Secrets, session
from holdfast.engines.postgresql.catalog.names import MAINTENANCE_DATABASE
from holdfast.engines.postgresql.catalog.perform_database import (
    create_extension,
    create_function,
    settle_database,
    settle_schema,
)
from holdfast.engines.postgresql.catalog.perform_grants import (
    settle_default_privileges,
    settle_grants,
    settle_objects,
)
from holdfast.engines.postgresql.catalog.perform_roles import (
    end_membership,
    settle_membership,
    settle_role,
    settle_shared_settings,
)

KINDS = (
    "role",
    "membership",
    "catalog-settings",
    "database",
    "schema",
    "grants",
    "object-grants",
    "default-privileges",
    "function",
    "extension",
)
"""Every kind of resource that `perform` carries out."""

Settle: TypeAlias = Callable[[Connection, Change, Mapping[str, Json]], Awaitable[None]]

_SETTLE: Mapping[str, Settle] = {
    "membership": settle_membership,
    "catalog-settings": settle_shared_settings,
    "database": settle_database,
    "schema": settle_schema,
    "grants": settle_grants,
    "object-grants": settle_objects,
    "default-privileges": settle_default_privileges,
    "function": create_function,
    "extension": create_extension,
}


async def perform(change: Change, connect: Connect, secret: Secrets) -> None:
    """Carry out one change over a superuser's connection to the primary.

    Raises `Refused` for what is never done without a person: dropping a database, a role or an
    extension, and changing what PostgreSQL fixes at creation.
    """
    if change.after is None:
        await _remove(change, connect)
        return
    # Grants on a database and on roles are shared: the templates cannot even be connected to.
    shared = change.kind == "grants" and change.after["object"] == "database"
    database = None if shared else change.after.get("database")
    async with session(connect, database or MAINTENANCE_DATABASE) as connection:
        if change.kind == "role":
            await settle_role(connection, change.after, secret)
        else:
            await _SETTLE[change.kind](connection, change, change.after)


async def _remove(change: Change, connect: Connect) -> None:
    if change.kind != "membership" or change.action is not Action.DELETE:
        raise Refused(
            f"{change.target} is kept: removing it could take data or access with it",
            subject=change.target,
            hint="remove it by hand when nobody needs it any more",
        )
    assert change.before is not None
    async with session(connect, MAINTENANCE_DATABASE) as connection:
        await end_membership(connection, change.before["role"], change.before["member"])
