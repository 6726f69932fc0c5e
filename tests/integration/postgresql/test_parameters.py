"""The baseline against real servers: the names exist, the combinations start, nothing drifts."""

from __future__ import annotations

import datetime as dt
import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from holdfast.engines.postgresql.parameters import SETTINGS_SQL, Surroundings, baseline, same_value
from holdfast.engines.postgresql.parameters_contexts import context as context_of
from holdfast.spec.builtin import sizes, tiers
from tests.integration.postgresql.server import (
    bindirs,
    own,
    owned_folder,
    running,
    unprivileged,
)

SERVERS = bindirs()
IN_WHEEL = SERVERS.keys() - bindirs(wheel=False).keys()
COMBINATIONS = list(itertools.product(sizes(), tiers()))


def surroundings(version: int, bindir: Path) -> Surroundings:
    library = _output(bindir / "pg_config", "--pkglibdir").strip()
    contrib = {path.stem for path in Path(library).glob("*.so")}
    return Surroundings("/bin/true", libraries=frozenset(contrib), lz4=version not in IN_WHEEL)


def without_tls(version: int, settings: dict[str, str]) -> dict[str, str]:
    """The wheel's servers are built without it."""
    return settings | {"ssl": "off"} if version in IN_WHEEL else settings


@pytest.fixture(scope="module")
def certificate() -> Iterator[Path]:
    """A folder with a server's key and certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with owned_folder("hf-cert-") as folder:
        (folder / "server.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        (folder / "server.key").write_bytes(text)
        (folder / "server.key").chmod(0o600)
        own(folder / "server.key")
        yield folder


@pytest.mark.parametrize("version", SERVERS)
def test_every_name_exists_and_takes_hold_when_it_says(version: int) -> None:
    bindir = SERVERS[version]
    around = surroundings(version, bindir)
    described = _described(bindir)
    for size, tier in COMBINATIONS:
        for parameter in baseline(version, sizes()[size], tiers()[tier], {}, around):
            if "." not in parameter.name:
                assert described[parameter.name] == parameter.context, parameter.name


@pytest.mark.parametrize("version", SERVERS)
def test_the_context_of_every_other_parameter_is_known(version: int) -> None:
    for name, context in _described(SERVERS[version]).items():
        assert context_of(version, name) == context, name


def _described(bindir: Path) -> dict[str, str]:
    shown = _output(bindir / "postgres", "--describe-config")
    return dict(line.split("\t")[:2] for line in shown.splitlines())


@pytest.mark.parametrize("version", SERVERS)
@pytest.mark.parametrize("tier", tiers())
def test_a_server_starts_with_it_and_shows_exactly_that(
    version: int, tier: str, certificate: Path
) -> None:
    bindir = SERVERS[version]
    wanted = baseline(version, sizes()["xs"], tiers()[tier], {}, surroundings(version, bindir))
    settings = without_tls(version, {p.name: p.value for p in wanted})
    files = {
        "ssl_cert_file": str(certificate / "server.crt"),
        "ssl_key_file": str(certificate / "server.key"),
    }
    with (
        running(bindir, {**settings, **files}) as server,
        psycopg.connect(f"{server.dsn} dbname=postgres") as connection,
    ):
        rows = connection.execute(SETTINGS_SQL).fetchall()
    shown = {name: rest for name, *rest in rows}
    for parameter in wanted:
        name, value = parameter.name, settings[parameter.name]
        setting, unit, vartype, context, *_ = shown[name]
        assert context == parameter.context, name
        assert same_value(name, value, setting, unit, vartype), f"{name}: {value}, {setting}"


@pytest.mark.parametrize("version", SERVERS)
def test_the_server_accepts_every_combination(version: int) -> None:
    """`postgres -C` reads every setting as a start would, without starting."""
    bindir = SERVERS[version]
    around = surroundings(version, bindir)
    with owned_folder("hf-conf-") as data:
        (data / "postgresql.conf").touch(0o644)
        for size, tier in COMBINATIONS:
            wanted = baseline(version, sizes()[size], tiers()[tier], {}, around)
            settings = without_tls(version, {p.name: p.value for p in wanted})
            given = (part for item in settings.items() for part in ("-c", "=".join(item)))
            _output(bindir / "postgres", "-D", data, "-C", "shared_buffers", *given)


def _output(*argv: str | Path) -> str:
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        **unprivileged(),  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)
