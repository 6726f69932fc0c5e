"""Who shows no certificate, or a stranger's, is refused by every server of the real thing.

Certificates near their end are renewed by the control plane, and nothing restarts for it.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import struct
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from holdfast.providers import etcd_members, pki
from holdfast.providers.doors import SiteDoors, certify, open_site
from holdfast.providers.settings import Settings
from holdfast.system.clock import SystemClock
from holdfast.system.files import write_file
from holdfast.system.tls import Identity
from tests.scenario.site import RealSite, Writer, until

NAME = "sealed"
NOW = SystemClock().now()
MADE = NOW - timedelta(days=340)
"""When the certificates of this test say that they were made: 25 days of 365 are left."""


@pytest.fixture(scope="module")
def node(site: RealSite) -> Iterator[Any]:
    """The only node of a database, with a table to write to."""
    site.apply(site.document(NAME))
    with psycopg.connect(site.dsn(NAME, "--role", "migrator"), autocommit=True) as connection:
        connection.execute(Writer.TABLE)
    yield site.describe(NAME)["nodes"][0]
    site.run("delete", NAME, "--purge", "--yes")


# -- who shows none, or a stranger's ------------------------------------------------------------


@pytest.fixture(scope="module")
def stranger(site: RealSite, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """Somebody whose own authority says that they are the control plane."""
    issued = pki.issue(pki.authority("a stranger", NOW), pki.Request("holdfast-control"), NOW)
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "crt").write_bytes(issued.certificate)
    (folder / "key").write_bytes(issued.key)
    (folder / "key").chmod(0o600)
    return Identity(site.doors.identity.ca, str(folder / "crt"), str(folder / "key"))


def said_to(dsn: str, **how: Any) -> str:
    """What a server says to somebody who comes like this; empty when they are let in."""
    # Who shows no certificate must not find one of whoever runs the tests.
    none = {"sslcert": "/nonexistent", "sslkey": "/nonexistent", "connect_timeout": 10}
    try:
        with psycopg.connect(dsn, **{**none, **how}) as connection:
            connection.execute("select 1")
    except psycopg.OperationalError as error:
        return " ".join(str(error).split())
    return ""


SHUT = (
    "pg_hba.conf rejects|no pg_hba.conf entry|requires a valid client certificate|unknown ca|"
    "no password supplied|authentication failed|not allowed|"
    "unsupported startup parameter: replication"
)
"""What is said to who comes as one of the platform's own roles."""
ENDPOINTS = {5432: (), 6432: ("--pooled",), 6433: ("--pooled", "--ro")}


@pytest.mark.parametrize("port", ENDPOINTS)
def test_a_server_of_the_database_lets_nobody_in_without(
    site: RealSite, node: Any, stranger: Identity, port: int
) -> None:
    dsn = site.dsn(NAME, *ENDPOINTS[port])
    at: dict[str, Any] = {"host": node["address"], "port": port}
    theirs = {"sslcert": stranger.certificate, "sslkey": stranger.key}
    assert said_to(dsn, **at) == ""
    plain = said_to(dsn, **at, sslmode="disable")
    assert re.search("no encryption" if port == 5432 else "SSL required", plain), plain
    no_password = said_to(dsn, **at, password="")
    assert re.search("password|authentication", no_password), no_password
    assert "authentication failed" in said_to(dsn, **at, password="wrong")
    for role in ("postgres", "holdfast_replicator", "holdfast_pooler"):
        for who in ({"password": ""}, {}, theirs, {**theirs, "replication": "true"}):
            said = said_to(dsn, **at, user=role, **who)
            assert re.search(SHUT, said), (role, who, said)


def answer(url: str, who: Identity, method: str = "GET", **more: Any) -> tuple[int, str]:
    """Status and text of an answer; 0 and the error where the connection comes to nothing."""
    context = ssl.create_default_context(cafile=who.ca)
    if who.certificate:
        context.load_cert_chain(who.certificate, who.key)
    try:
        with httpx.Client(verify=context, timeout=10, trust_env=False) as client:
            found = client.request(method, url, **more)
            return found.status_code, found.text
    except httpx.TransportError as error:
        return 0, str(error) or type(error).__name__


def lets_in(host: str, path: str, known: Identity, *others: Identity) -> None:
    """Whoever is known gets an answer; others do not, nor does anybody without TLS."""
    status, text = answer(f"https://{host}{path}", known)
    assert status == 200, text
    status, text = answer(f"http://{host}{path}", known)
    # Go says by 400 that it takes TLS only; others hang up.
    assert status in (0, 400), text
    for other in others:
        status, text = answer(f"https://{host}{path}", other)
        assert status == 0, text


def test_patroni_lets_nobody_look_without_a_certificate_nor_act_without_the_password(
    site: RealSite, node: Any, stranger: Identity
) -> None:
    known, host = site.doors.identity, f"{node['address']}:8008"
    lets_in(host, "/patroni", known, stranger, Identity(known.ca, "", ""))
    for method, path in (("POST", "restart"), ("POST", "reload"), ("PATCH", "config")):
        for auth in (None, ("holdfast", "wrong"), ("postgres", "")):
            status, text = answer(f"https://{host}/{path}", known, method, json={}, auth=auth)
            assert status == 401, text


def test_etcd_lets_nobody_in_without_a_certificate_and_a_login(
    site: RealSite, stranger: Identity
) -> None:
    known, named = site.doors.etcd_identity, site.doors.identity
    everything = {"key": "AA==", "range_end": "AA=="}
    for address in site.layout.etcd_addresses:
        host = f"{address}:2379"
        lets_in(host, "/version", known, stranger, Identity(known.ca, "", ""))
        for who in (known, named):
            status, text = answer(f"https://{host}/v3/kv/range", who, "POST", json=everything)
            assert status >= 400 and "kvs" not in text, text


# -- near their end ------------------------------------------------------------------------------


def age(site: RealSite) -> None:
    """Put certificates of long ago into every place, as if the site had run since then."""
    doors = open_site(Settings(site.home), now=lambda: MADE)
    assert len(certify(doors)) == 3
    assert len(etcd_members.certify(doors.site, doors.authority)) == 3
    for path in site.home.glob(f"clusters/{NAME}/*/pki/*.crt"):
        _age(path, doors)


def _age(path: Path, doors: SiteDoors) -> None:
    found = x509.load_pem_x509_certificate(path.read_bytes())
    names = [str(each.value) for each in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    addresses: list[str] = []
    for extension in found.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            addresses = extension.value.get_values_for_type(x509.DNSName)
    certificate, key = doors.authority.issue("".join(names), addresses)
    write_file(path.with_suffix(".key"), key, 0o600, doors.site.os_user)
    write_file(path, certificate, 0o644, doors.site.os_user)


def shown(
    site: RealSite, address: str, port: int, *, postgresql: bool = False
) -> x509.Certificate | None:
    """The certificate that a server shows right now; None while it is just starting again."""
    try:
        return _shown(site, address, port, postgresql=postgresql)
    except OSError:  # refused, or cut off within the handshake
        return None


def _shown(site: RealSite, address: str, port: int, *, postgresql: bool) -> x509.Certificate:
    identity = site.doors.etcd_identity if port == 2379 else site.doors.identity
    context = ssl.create_default_context(cafile=identity.ca)
    context.load_cert_chain(identity.certificate, identity.key)
    with socket.create_connection((address, port), timeout=5) as plain:
        if postgresql:
            plain.sendall(struct.pack("!ii", 8, 80877103))
            if plain.recv(1) != b"S":
                raise ConnectionError("it takes no TLS")
        with context.wrap_socket(plain, server_hostname=address) as tls:
            return x509.load_der_x509_certificate(tls.getpeercert(True) or b"")


def pids(site: RealSite) -> dict[str, int]:
    """Processes that a renewal has no reason to touch; agents and the control plane are others."""
    parts = {part["name"]: part["pid"] for part in site.json("status")}
    postmaster = Path(site.layout.node(NAME, 1).data, "postmaster.pid").read_text().split()[0]
    return {
        "postmaster": int(postmaster),
        **{
            name: pid
            for name, pid in parts.items()
            if name.startswith(("etcd", NAME)) and not name.endswith("agent")
        },
    }


def plane_of(site: RealSite) -> int:
    return next(part["pid"] for part in site.json("status") if part["name"] == "control-plane")


def renewals(site: RealSite) -> list[str]:
    rows = site.control_rows(
        f"select state from operation where kind = 'renew' and database = '{NAME}'"
    )
    return [state for (state,) in rows]


def test_they_are_renewed_in_time_and_nobody_notices(site: RealSite, node: Any) -> None:
    assert "certificate" not in site.run("status").err
    age(site)
    assert "it ends in 24 days, on" in site.run("status").err
    before = pids(site)
    plane = plane_of(site)
    with Writer(site.dsn(NAME, "--pooled")) as writer:
        # It looks at its start and every hour; the test does not want to wait that long.
        os.kill(plane, 9)
        until(lambda: renewals(site) == ["succeeded"], deadline_s=60, what="the renewal")
        servers = [
            (site.layout.api_address, 7474, False),
            (node["address"], 8008, False),
            (node["address"], 5432, True),
            (node["address"], 6432, True),
            (node["address"], 6433, True),
            *((address, 2379, False) for address in site.layout.etcd_addresses),
        ]
        for address, port, postgresql in servers:
            until(
                lambda at=(address, port), how=postgresql: (
                    (found := shown(site, *at, postgresql=how))
                    and found.not_valid_before_utc > NOW - timedelta(days=2)
                ),
                deadline_s=20,
                what=f"a new certificate at {address}:{port}",
            )
    assert writer.failures == []
    assert pids(site) == before
    assert "certificate" not in site.run("status").err
    assert site.run("plan", site.document(NAME), "--detailed-exitcode").exit_code == 0
    assert renewals(site) == ["succeeded"]


def test_what_up_renews_is_shown_by_the_control_plane_that_runs(site: RealSite) -> None:
    plane = plane_of(site)
    assert len(certify(open_site(Settings(site.home), now=lambda: MADE))) == 3
    site.run("up")
    renewed = x509.load_pem_x509_certificate((site.home / "pki" / "api.crt").read_bytes())
    assert renewed.not_valid_before_utc > NOW - timedelta(days=2)
    until(
        lambda: shown(site, site.layout.api_address, 7474) == renewed,
        deadline_s=60,
        what="the API's new certificate",
    )
    assert plane_of(site) == plane
