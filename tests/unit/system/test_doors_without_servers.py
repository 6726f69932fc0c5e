"""What the doors say when nobody is behind them, or nobody answers."""

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast.core.errors import NotFound, TimedOut, Transient
from holdfast.providers import pki
from holdfast.system import postgresql
from holdfast.system.patroni import PatroniClient
from holdfast.system.supervisor_rpc import SupervisorRpc
from holdfast.system.tls import Identity, client_context


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    now = datetime.now(UTC)
    ca = pki.authority("test", now)
    mine = pki.issue(ca, pki.Request("test"), now)
    for name, content in (("ca", ca.certificate), ("crt", mine.certificate), ("key", mine.key)):
        (tmp_path / name).write_bytes(content)
    return Identity(*(str(tmp_path / name) for name in ("ca", "crt", "key")))


@pytest.fixture
def silent() -> socket.socket:
    """A server that takes connections and never says a word."""
    return socket.create_server(("127.0.0.1", 0), backlog=8)


async def test_postgresql_that_is_not_there() -> None:
    with pytest.raises(Transient, match=r"no connection to postgresql 127\.0\.0\.1:1/x as me: "):
        await postgresql.connect(
            host="127.0.0.1", port=1, dbname="x", user="me", password="hush hush"
        )


async def test_postgresql_that_hangs(silent: socket.socket) -> None:
    with silent, pytest.raises(Transient, match=r"did not answer within 0\.3 s"):
        await postgresql.connect(
            host="127.0.0.1", port=silent.getsockname()[1], user="me", dbname="x", timeout_s=0.3
        )


async def test_patroni_that_is_not_there(identity: Identity) -> None:
    async with PatroniClient(identity, port=1) as client:
        with pytest.raises(Transient, match=r"patroni at 127\.0\.0\.1:1 is not reachable for GET"):
            await client.status("127.0.0.1")


async def test_patroni_that_hangs_in_the_handshake(
    identity: Identity, silent: socket.socket
) -> None:
    port = silent.getsockname()[1]
    with silent:
        async with PatroniClient(identity, port=port, timeout_s=0.3) as client:
            with pytest.raises((Transient, TimedOut), match=str(port)):
                await asyncio.wait_for(client.config("127.0.0.1"), 5)


async def test_supervisor_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="no supervisor answers at"):
        await SupervisorRpc(str(tmp_path / "no.sock")).call("getPID")


def test_missing_certificates_are_named(identity: Identity) -> None:
    client_context(identity)
    with pytest.raises(NotFound, match=r"no usable certificate in .*no-such-key"):
        client_context(Identity(identity.ca, identity.certificate, "/no-such-key"))
