"""Everything twice: a folder elsewhere, and an object store, each enough for a restore."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.scenario.site import QUICK_TIER, RealSite, until

BUCKET = "holdfast-test"


@pytest.fixture(scope="module")
def folder(site: RealSite) -> Iterator[Path]:
    """A folder that the data plane's user and we may write to."""
    made = Path(tempfile.mkdtemp(prefix="hf-second-"))
    shutil.chown(made, site.layout.os_user)
    made.chmod(0o755)
    yield made
    for name in ("pair", "pair_back", "far", "far_back"):
        site.run("delete", name, "--purge", "--yes", exit_code=None)
    shutil.rmtree(made, ignore_errors=True)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    crt, private = folder / "s3.crt", folder / "s3.key"
    crt.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return crt, private


class Terminator(threading.Thread):
    """TLS in front of moto, whose own server ends a connection without saying so."""

    def __init__(self, certificate: Path, key: Path, behind: int) -> None:
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.behind, self.port = behind, 0
        self.listens = threading.Event()
        self.loop = asyncio.new_event_loop()

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(
            asyncio.start_server(self.pass_on, "127.0.0.1", 0, ssl=self.context)
        )
        self.port = server.sockets[0].getsockname()[1]
        self.listens.set()
        self.loop.run_forever()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to, back = await asyncio.open_connection("127.0.0.1", self.behind)
        except OSError:  # moto does not listen yet
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(to, writer))

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join(timeout=10)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[tuple[int, Path]]:
    """moto's S3 server behind TLS: its port and its certificate."""
    pytest.importorskip("moto", reason="pip install 'holdfast[object-store]' for this one")
    crt, key = certificate(folder)
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        plain = chosen.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(plain)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    front = Terminator(crt, key, plain)
    front.start()
    assert front.listens.wait(10)
    try:
        until(lambda: has_bucket(front.port, crt), deadline_s=30, what="an object store")
        yield front.port, crt
    finally:
        front.stop()
        server.terminate()
        server.wait(timeout=10)


def has_bucket(port: int, crt: Path) -> bool:
    """Whether the bucket is there, or could be made now."""
    import boto3

    try:
        boto3.client(
            "s3", endpoint_url=f"https://localhost:{port}", verify=str(crt),
            region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b",
        ).create_bucket(Bucket=BUCKET)  # fmt: skip
    except Exception:  # noqa: BLE001 - not there yet
        return False
    return True


def tier(site: RealSite, name: str, **second: str | int) -> None:
    lines = "".join(f"    {key}: {value}\n" for key, value in second.items())
    text = QUICK_TIER.replace("name: quick", f"name: {name}")
    path = site.folder / f"{name}.yaml"
    path.write_text(text.replace("backup:\n", f"backup:\n  secondRepository:\n{lines}"))
    site.apply(path)


def fill(site: RealSite, name: str) -> None:
    with psycopg.connect(site.dsn(name, "--role", "migrator"), autocommit=True) as connection:
        connection.execute("create table item as select generate_series(1, 100) id")


def restored_without_the_first(site: RealSite, name: str) -> None:
    """Restore while the first repository is not there."""
    first = Path(site.layout.repository(name))
    aside = first.with_name(f"{name}-aside")
    site.run("delete", name, "--force-retain-data", "--yes")
    first.rename(aside)
    try:
        site.run("restore", name, "--latest", "--as", f"{name}_back", "--tier", "quick")
        with psycopg.connect(site.dsn(f"{name}_back")) as connection:
            assert connection.execute("select count(*) from item").fetchone() == (100,)
    finally:
        aside.rename(first)
        for each in (f"{name}_back", name):
            site.run("delete", each, "--purge", "--yes", exit_code=None)


def test_a_second_folder_is_enough(site: RealSite, folder: Path):
    tier(site, "twice", type="posix", path=str(folder / "repo"))
    (folder / "repo").mkdir()
    shutil.chown(folder / "repo", site.layout.os_user)
    document = site.document("pair", tier="twice")
    site.apply(document)
    site.settled(document)
    fill(site, "pair")
    operation = site.json("backup", "pair")
    assert operation["outcome"]["second"]
    kinds = sorted(
        (each["detail"]["repository"], each["kind"]) for each in site.json("get", "backups", "pair")
    )
    assert kinds == [(1, "full"), (1, "incr"), (2, "full"), (2, "incr")]
    restored_without_the_first(site, "pair")
    assert not (folder / "repo" / "pair").exists()


def test_an_object_store_is_enough(site: RealSite, store: tuple[int, Path]):
    port, crt = store
    tier(
        site, "offsite", type="s3", bucket=BUCKET, endpoint="localhost", port=port,
        region="us-east-1", path="/backups", credentials="moto", caFile=str(crt),
    )  # fmt: skip
    document = site.document("far", tier="offsite")
    ran = site.run("apply", document, "--yes", exit_code=7)
    assert "nobody has given the secret moto-key" in ran.err
    site.run("secret", "set", "moto-key", stdin="an-access-key\n")
    site.run("secret", "set", "moto-secret", stdin="a secret key\n")
    assert "secret key" not in site.run("secret", "list", "-o", "json").out
    site.apply(document)
    site.settled(document)
    fill(site, "far")
    site.run("backup", "far")
    restored_without_the_first(site, "far")
