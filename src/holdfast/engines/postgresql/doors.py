"""Everything the engine's I/O goes through, handed in by whoever composes the platform."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import psycopg

from holdfast.core.errors import NotFound
from holdfast.core.layout import POSTGRESQL_PORT
from holdfast.engines.postgresql.catalog.doors import OWN_NAMES
from holdfast.engines.postgresql.catalog.scram import scram_verifier
from holdfast.engines.postgresql.cluster import (
    POSTGRES,
    Cluster,
    Node,
    filled,
    given,
    patroni_password,
    references,
)
from holdfast.system import postgresql
from holdfast.system.clock import Clock
from holdfast.system.etcd import EtcdClient
from holdfast.system.host import Host
from holdfast.system.patroni import PatroniClient
from holdfast.system.tls import Identity

Connection: TypeAlias = psycopg.AsyncConnection[Any]


class Secrets(Protocol):
    """Where passwords and keys are kept, by reference."""

    async def get(self, reference: str) -> str | None:
        """The secret, None when there is none yet."""
        ...

    async def ensure(self, reference: str) -> str:
        """The secret; made now when there is none yet."""
        ...

    async def give(self, reference: str, value: str) -> None:
        """Keep a value that comes from outside, in place of an earlier one."""
        ...


class Remembered:
    """Secrets that are each looked up once, for the length of one look at a cluster."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._found: dict[str, asyncio.Future[str | None]] = {}

    async def get(self, reference: str) -> str | None:
        """The secret, None when there was none."""
        if reference not in self._found:
            self._found[reference] = asyncio.ensure_future(self._secrets.get(reference))
        # One that gives up waiting does not spoil it for the others.
        return await asyncio.shield(self._found[reference])

    async def ensure(self, reference: str) -> str:
        """The secret; made now when there is none yet."""
        return await self.get(reference) or await self._secrets.ensure(reference)

    async def give(self, reference: str, value: str) -> None:
        """Keep a value that comes from outside, in place of an earlier one."""
        await self._secrets.give(reference, value)


class Issuer(Protocol):
    """The internal CA."""

    def issue(self, common_name: str, addresses: Sequence[str]) -> tuple[bytes, bytes]:
        """A new certificate and its key, PEM."""
        ...

    def fault(
        self, certificate: bytes, key: bytes, common_name: str, addresses: Sequence[str]
    ) -> str:
        """Why the pair has to be replaced (`it ends on 2026-12-01`); empty when it is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Login:
    """A password with the verifier that PostgreSQL is given instead of it."""

    password: str
    verifier: str

    def __repr__(self) -> str:
        return "Login(...)"


def verifier(password: str) -> str:
    """The SCRAM verifier of one of the platform's own passwords, the same every time.

    The salt follows from the password, so that nothing but the password has to be kept. It is
    as unique as the password, which is random and never used twice.
    """
    salt = hashlib.sha256(b"holdfast scram salt\0" + password.encode()).digest()[:16]
    return scram_verifier(password, salt)


@dataclass(frozen=True, slots=True)
class Doors:
    """The engine's doors. `identity` is the control plane's own client certificate.

    `note` takes a line for the running operation's log.
    """

    host: Host
    etcd: EtcdClient
    patroni: PatroniClient
    secrets: Secrets
    issuer: Issuer
    identity: Identity
    clock: Clock
    note: Callable[[str], None]

    def connect(
        self,
        node: Node,
        database: str = POSTGRES,
        *,
        synchronous: bool = True,
        bare: bool = False,
        user: str = POSTGRES,
    ) -> AbstractAsyncContextManager[Connection]:
        """A connection to one node, by certificate over TLS; a superuser's unless told otherwise.

        Every name in it is PostgreSQL's own, whatever the database's owner has set for sessions.
        What reads the application's tables has to be a `READER`'s, see `counts`.

        Without `synchronous`, its commits wait for no standby. A `bare` one sets nothing, not
        even a limit for statements, so that it sees every parameter as the server has it.
        """
        return _closing(self.identity, node, database, synchronous, bare, user)

    async def operator(self, node: Node) -> PatroniClient:
        """A client that may change the node's cluster through Patroni."""
        password = await self.secrets.ensure(patroni_password(node.database))
        return self.patroni.as_operator(password)

    async def login(self, reference: str) -> Login:
        """The password of a login and its verifier; made now when there is none yet."""
        password = await self.secrets.ensure(reference)
        return Login(password, await asyncio.to_thread(verifier, password))

    async def fill(self, template: str, *, make: bool) -> str | None:
        """The template with its secrets; None when one is missing and `make` is False."""
        secrets: dict[str, str] = {}
        for reference in references(template):
            made_here = make and not reference.startswith(given(""))
            value = await (self.secrets.ensure if made_here else self.secrets.get)(reference)
            if value is None and make:
                name = reference.removeprefix(given(""))
                raise NotFound(
                    f"nobody has given the secret {name}",
                    subject=f"secret {name}",
                    hint=f"give it with `holdfast secret set {name}`",
                )
            if value is None:
                return None
            secrets[reference] = value
        return filled(template, secrets)


_STATEMENT_TIMEOUT_S = 60.0


@asynccontextmanager
async def _closing(
    identity: Identity, node: Node, database: str, synchronous: bool, bare: bool, user: str
) -> AsyncIterator[Connection]:
    connection = await postgresql.connect(
        host=node.address,
        port=POSTGRESQL_PORT,
        user=user,
        dbname=database,
        sslmode="verify-full",
        sslrootcert=identity.ca,
        sslcert=identity.certificate,
        sslkey=identity.key,
        statement_timeout_s=None if bare else _STATEMENT_TIMEOUT_S,
    )
    async with connection:
        if not bare:
            await connection.execute(OWN_NAMES)
        if not synchronous:
            await connection.execute("set synchronous_commit = local")
        yield connection


def by_name(cluster: Cluster, name: str) -> Node | None:
    """The node with this member name."""
    return next((node for node in cluster.nodes if node.name == name), None)
