"""Which roles a cluster has, with what attributes, and which of them belong to which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from holdfast.core.change import Json, Resource
from holdfast.engines.postgresql.catalog.names import BACKUP, Roles, password_ref
from holdfast.engines.postgresql.cluster import MONITOR, POOLER, READER, REPLICATOR, REWIND

_RESERVED = 10
"""`superuser_reserved_connections` of the baseline."""

_DEFAULTS: Mapping[str, Json] = {
    "login": True,
    "superuser": False,
    "createdb": False,
    "createrole": False,
    "replication": False,
    "bypassrls": False,
    "inherit": True,
    "connection_limit": -1,
    "valid_until": None,
    "password": None,
}


def role_id(name: str) -> str:
    """Resource id of a role."""
    return f"role/{name}"


def membership_id(role: str, member: str) -> str:
    """Resource id of a membership."""
    return f"membership/{role}/{member}"


def roles(database: str, max_connections: int) -> Iterator[Resource]:
    """Every role of the platform in one cluster."""
    yield from _site_roles()
    names, most = Roles(database), max(1, max_connections - _RESERVED)
    yield _role(names.owner, "owns every object; nobody logs in as it", login=False)
    for group, reason in ((names.rw, "reads and writes data"), (names.ro, "reads data")):
        yield _role(group, reason, login=False)
    yield _role(
        names.migrator,
        "changes the schema, as the owner from its first statement on",
        # 16 and later decide this by membership; before, only the role itself can say so.
        inherit=False,
        connection_limit=10,
        password=_secret(database, names.migrator),
        # Without `role` tables would be the migrator's own and default privileges would not fire.
        # A schema change that waits for a lock makes everybody behind it wait too.
        settings={"role": names.owner, "lock_timeout": "10s"},
        after=(role_id(names.owner),),
    )
    for login in (*names.apps, *names.readers):
        yield _role(
            login,
            "one of two logins, so that a password can be changed without an outage",
            connection_limit=most,
            password=_secret(database, login),
        )


def _site_roles() -> Iterator[Resource]:
    for name, reason, own in (
        (REPLICATOR, "streams WAL to the standbys", {"replication": True, "connection_limit": 50}),
        (REWIND, "reads the files that pg_rewind copies", {"connection_limit": 10}),
        (POOLER, "looks up verifiers for the pooler", {"connection_limit": 50}),
        (
            MONITOR,
            "reads statistics",
            {"connection_limit": 10, "settings": {"statement_timeout": "15s"}},
        ),
        (BACKUP, "starts and stops backups", {"connection_limit": 10}),
        (
            READER,
            "counts rows for a restore test: no superuser may read what an application made",
            {
                "bypassrls": True,
                "connection_limit": 10,
                "settings": {"default_transaction_read_only": "on"},
            },
        ),
    ):
        yield _role(name, reason, **own)


def memberships(database: str, version: int) -> Iterator[Resource]:
    """Which role is a member of which."""
    names = Roles(database)
    yield _membership(version, names.owner, names.migrator, inherit=False, set_role=True)
    for login in names.apps:
        yield _membership(version, names.rw, login)
    for login in names.readers:
        yield _membership(version, names.ro, login)
    yield _membership(version, "pg_monitor", MONITOR)
    yield _membership(version, "pg_read_all_settings", BACKUP)
    yield _membership(version, "pg_read_all_data", READER)
    if version >= 15:
        yield _membership(version, "pg_checkpoint", BACKUP)


def _role(
    name: str,
    reason: str,
    *,
    settings: Mapping[str, str] | None = None,
    after: tuple[str, ...] = (),
    **own: Json,
) -> Resource:
    attributes = {"name": name, **_DEFAULTS, **own, "settings": dict(settings or {})}
    return Resource(role_id(name), "role", attributes, after, reason)


def _secret(database: str, role: str) -> str:
    return f"secret:{password_ref(database, role)}"


def _membership(
    version: int, role: str, member: str, *, inherit: bool = True, set_role: bool = False
) -> Resource:
    attributes: dict[str, Json] = {"role": role, "member": member, "admin": False}
    if version >= 16:
        attributes |= {"inherit": inherit, "set": set_role}
    predefined = role.startswith("pg_")
    return Resource(
        membership_id(role, member),
        "membership",
        attributes,
        (role_id(member),) if predefined else (role_id(role), role_id(member)),
        f"{member} acts with the rights of {role}",
    )
