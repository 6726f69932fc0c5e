"""A context in use takes a new pair, and keeps its old one while half of the new is written."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from holdfast.providers import pki
from holdfast.system import tls

NOW = datetime.now(UTC)
CA = pki.authority("holdfast test", NOW)


class Shown:
    """A server's context, and who it says that it is to the next one who connects."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "server.crt", folder / "server.key"
        self.write(pki.issue(CA, pki.Request("", ("localhost",)), NOW))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, self.key)

    def write(self, issued: pki.Issued) -> None:
        self.key.write_bytes(issued.key)
        self.certificate.write_bytes(issued.certificate)

    def serial(self) -> int:
        trusting = ssl.create_default_context(cadata=CA.certificate.decode())
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trusting.wrap_bio(back, there, server_hostname="localhost")
        server = self.context.wrap_bio(there, back, server_side=True)
        for _ in range(3):
            for side in (client, server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        der = client.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).serial_number


@pytest.mark.parametrize("half", ["certificate", "key"])
def test_it_takes_the_new_pair_or_keeps_the_old(tmp_path: Path, half: str) -> None:
    shown = Shown(tmp_path)
    first = shown.serial()
    new = pki.issue(CA, pki.Request("", ("localhost",)), NOW)
    getattr(shown, half).write_bytes(getattr(new, half))
    with pytest.raises(OSError, match=r"(?i)mismatch"):
        tls.reread(shown.context, shown.certificate, shown.key)
    assert shown.serial() == first
    shown.write(new)
    tls.reread(shown.context, shown.certificate, shown.key)
    assert shown.serial() == x509.load_pem_x509_certificate(new.certificate).serial_number
