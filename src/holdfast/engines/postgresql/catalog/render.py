"""The catalog that a document asks for, as resources. Pure."""

from __future__ import annotations

from collections.abc import Collection

from holdfast.core.change import Resource
from holdfast.engines.postgresql.catalog.names import Roles
from holdfast.engines.postgresql.catalog.render_database import database, maintenance
from holdfast.engines.postgresql.catalog.render_roles import memberships, roles
from holdfast.spec.model import DatabaseSpec


def desired(
    spec: DatabaseSpec,
    version: int,
    max_connections: int,
    preload: Collection[str] = ("pg_stat_statements",),
) -> list[Resource]:
    """Everything of the platform's in the cluster's catalog, each with what it comes after.

    `preload` are the libraries that the server loads (`parameters.preload`): an extension that
    needs one is only asked for where it is loaded.
    """
    names = Roles(spec.name)
    return [
        *roles(spec.name, max_connections),
        *memberships(spec.name, version),
        Resource(
            "settings/all-roles",
            "catalog-settings",
            {"settings": {}},
            reason="a parameter of the platform set for every role would undo a promise",
        ),
        *maintenance(version, preload),
        *(each for logical in spec.databases for each in database(logical, names, preload)),
    ]
