"""Connection URIs. Pure.

Every URI names all nodes, so that it keeps working as long as one of them lives, and the places of
nodes that may come, so that it finds them once they are there. Nobody listens there until then:
libpq is refused at once and goes on to the next. *Direct* goes to PostgreSQL without any hop and
lets libpq find the right server; *pooled* goes to the nodes' PgBouncers, of which each leads to the
right server by itself.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from holdfast.core.errors import NotFound
from holdfast.core.layout import POOL_RO_PORT, POOL_RW_PORT, POSTGRESQL_PORT
from holdfast.engines.postgresql.cluster import Cluster

CONNECT_TIMEOUT_S = 3
"""How long libpq waits for one host before it tries the next.

It comes on top of a lost node's lease: with 5, a new connection took 25.6 s instead of 25.
"""


class Role(enum.StrEnum):
    """Whom `connect` can log in as."""

    RW = "rw"
    RO = "ro"
    MIGRATOR = "migrator"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Login:
    """A login and the reference of its password."""

    user: str
    password: str


def login(cluster: Cluster, role: str) -> Login:
    """The login of a role. Raises `NotFound`, naming the roles there are.

    The owner itself cannot log in: the migrator does, and works as the owner.
    """
    logins = {
        Role.RW: "app_a",
        Role.RO: "read_a",
        Role.MIGRATOR: "migrator",
        Role.OWNER: "migrator",
    }
    if role not in logins:
        raise NotFound(
            f"{cluster.name} has no role {role!r} to connect as",
            subject=f"database {cluster.name}",
            hint=f"choose one of {', '.join(logins)}",
        )
    user = f"{cluster.name}_{logins[Role(role)]}"
    return Login(user, f"{cluster.name}/role/{user}")


def uri(
    cluster: Cluster,
    user: str,
    password: str,
    *,
    database: str,
    pooled: bool = False,
    read_only: bool = False,
    leader: str | None = None,
) -> str:
    """A libpq URI. With `leader` known its node stands first: one hop less while it leads."""
    port = (POOL_RO_PORT if read_only else POOL_RW_PORT) if pooled else POSTGRESQL_PORT
    nodes = sorted(cluster.nodes, key=lambda node: (node.name == leader) == read_only)
    addresses = [*(node.address for node in nodes), *cluster.reserved]
    hosts = ",".join(f"{address}:{port}" for address in addresses)
    options: dict[str, str | int] = {
        "sslmode": "verify-full",
        "sslrootcert": str(cluster.site.ca_certificate),
        "connect_timeout": CONNECT_TIMEOUT_S,
    }
    if not pooled:
        options["target_session_attrs"] = "prefer-standby" if read_only else "read-write"
    query = urlencode(options, safe="/", quote_via=quote)
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return f"postgresql://{login}@{hosts}/{database}?{query}"
