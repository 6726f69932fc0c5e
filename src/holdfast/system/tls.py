"""TLS of the platform's own clients: our CA only, a client certificate, TLS 1.3."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from holdfast.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class Identity:
    """Paths of the CA's certificate and of the client's own certificate and key (PEM)."""

    ca: str
    certificate: str
    key: str


def client_context(identity: Identity) -> ssl.SSLContext:
    """A context that trusts the CA alone and shows the certificate.

    Raises `NotFound` when a file is not there or cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=identity.ca)
        context.load_cert_chain(identity.certificate, identity.key)
    except OSError as error:
        raise NotFound(
            f"no usable certificate in {identity.ca}, {identity.certificate}, {identity.key}: "
            f"{error.strerror or error}",
            hint="run holdfast up to make what is missing",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def reread(context: ssl.SSLContext, certificate: str | Path, key: str | Path) -> None:
    """Have a context in use show the pair that is in the files now, on every new connection.

    Raises `OSError`, and leaves the context as it was, for half a pair: it is being written.
    """
    # A context that refuses a pair has dropped its old key by then, and shows nothing at all.
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    context.load_cert_chain(certificate, key)
