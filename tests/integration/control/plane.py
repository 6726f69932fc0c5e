"""A control-plane process of a test, and a client of it."""

from __future__ import annotations

import datetime
import ipaddress
import itertools
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.core.layout import API_PORT
from holdfast.providers.local import load

SOURCES = Path(__file__).parents[3] / "src"
TOKEN = "a-token-of-this-test"
SITE_ID = "0badcafe"
_numbers = itertools.count(os.getpid() * 7)


class Plane:
    """`start` it, talk to it through `client`, `kill` or `stop` it, `start` it again."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        if not (folder / "site.json").exists():
            number = next(_numbers)
            subnet = f"127.{200 + number % 50}.{number // 50 % 250}"
            record = {"format": 1, "id": SITE_ID, "subnet": subnet, "os_user": "nobody"}
            (folder / "site.json").write_text(json.dumps(record))
        self.address = load(folder).api_address
        (folder / "api.token").write_text(TOKEN)
        (folder / "pki").mkdir(exist_ok=True)
        if not (folder / "pki" / "ca.crt").exists():
            _certificate(folder / "pki", self.address)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.tls = ssl.create_default_context(cafile=str(folder / "pki" / "ca.crt"))
        self.client = httpx.Client(
            base_url=f"https://{self.address}:{API_PORT}",
            verify=self.tls,
            headers={"Authorization": f"Bearer {TOKEN}", "X-Holdfast-Actor": "tester"},
            timeout=30,
        )

    def spawn(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("toy_plane.py"),
             self.url, self.folder],
            env=os.environ | {"PYTHONPATH": str(SOURCES)},
            stdout=(self.folder / "log").open("ab"),
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def start(self, timeout_s: float = 60) -> subprocess.Popen[bytes]:
        process = self.spawn()
        self.await_health(timeout_s)
        return process

    def await_health(self, timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if self.client.get("/v1/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert self.processes[-1].poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().split() if path.exists() else []

    @property
    def effects(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "effects").glob("*"))

    def submit(self, kind: str, database: str | None = "orders", **request: Any) -> str:
        answer = self.client.post(
            "/v1/operations", json={"kind": kind, "database": database, "request": request}
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def finished(self, operation_id: str, timeout_s: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                answer = self.client.get(f"/v1/operations/{operation_id}")
                if answer.status_code == 200 and answer.json()["finished_at"]:
                    return dict(answer.json())
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def events(self, operation_id: str, after: int = -1, wait_s: float = 0) -> dict[str, Any]:
        answer = self.client.get(
            f"/v1/operations/{operation_id}/events", params={"after": after, "wait_s": wait_s}
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def await_running(self, operation_id: str, timeout_s: float = 30) -> None:
        """Return once a step of the operation is under way."""
        deadline = time.monotonic() + timeout_s
        while not any(one["state"] == "running" for one in self.events(operation_id)["steps"]):
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def await_call(self, name: str, timeout_s: float = 30) -> None:
        """Return once a step with this name was called."""
        deadline = time.monotonic() + timeout_s
        while name not in self.calls:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def close(self) -> None:
        self.client.close()
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(timeout=10)


def _certificate(folder: Path, address: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    name_of_address = x509.IPAddress(ipaddress.ip_address(address))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name_of_address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "api.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
