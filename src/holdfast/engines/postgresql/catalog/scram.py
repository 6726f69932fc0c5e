"""SCRAM-SHA-256 verifiers, made on our side so that no password ever travels or is logged.

The form is PostgreSQL's own (`pg_authid.rolpassword`), after RFC 5803; the arithmetic is that of
RFC 5802.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

ITERATIONS = 4096
"""PostgreSQL's own default; more would slow every login, and our passwords are random."""
_FORM = re.compile(r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")


def scram_verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """`SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`.

    Raises ValueError for an empty password and for one that SASLprep (RFC 4013) might change:
    printable ASCII is all that the platform makes.
    """
    if not password or not password.isascii() or not password.isprintable():
        raise ValueError("a password has to be printable ASCII and not empty")
    if not salt or iterations < 1:
        raise ValueError("a verifier needs a salt and at least one iteration")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    server = _hmac(salted, b"Server Key")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


def is_verifier_of(verifier: str, password: str) -> bool:
    """Whether the verifier was made from the password; False when it is no SCRAM verifier."""
    match = _FORM.fullmatch(verifier)
    if match is None:
        return False
    remade = scram_verifier(password, base64.b64decode(match[2]), int(match[1]))
    return hmac.compare_digest(remade, verifier)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
