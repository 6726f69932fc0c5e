"""What the ledger has outside the control database: the key that signs heads, and their file.

Whoever can write to the control database can change everything in it. They cannot make a head, and
they cannot take one out of this file.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from holdfast.core.layout import Site
from holdfast.evidence.head import SignedHead, fingerprint
from holdfast.system.files import read_file, write_file


class Signer:
    """An Ed25519 key; `secret` is its seed in hexadecimal."""

    def __init__(self, secret: str) -> None:
        seed = bytes.fromhex(secret)
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._sealing = hmac.digest(seed, b"holdfast leaf seal 1", "sha256")

    @staticmethod
    def new_secret() -> str:
        """The seed of a new key."""
        return secrets.token_hex(32)

    @property
    def public_key(self) -> bytes:
        """32 raw bytes."""
        return self._key.public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        """The key's name."""
        return fingerprint(self.public_key)

    def sign(self, content: bytes) -> bytes:
        """The signature of this content."""
        return self._key.sign(content)

    def seal(self, leaf_hash: bytes) -> bytes:
        """What marks a leaf as written by the platform; 16 bytes that only this key makes."""
        return hmac.digest(self._sealing, leaf_hash, "sha256")[:16]

    def publish(self, path: Path) -> None:
        """Write the public key as PEM, unless it stands there already."""
        public = self._key.public_key()
        content = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        if read_file(path) != content:
            write_file(path, content, 0o644)


class HeadsFile:
    """Signed heads, one a line, in the order of their numbers. Lines are only ever added."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[SignedHead, ...]:
        """Every head; a last line that a crash cut off does not count. Raises ValueError."""
        whole, _, _torn = (read_file(self.path) or b"").rpartition(b"\n")
        return tuple(SignedHead.parse(line) for line in whole.decode().splitlines())

    def last(self) -> SignedHead | None:
        """The newest head."""
        found = self.read()
        return found[-1] if found else None

    def append(self, heads: Sequence[SignedHead]) -> None:
        """Add heads, and return when they are on disk."""
        is_new = not self.path.exists()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            whole, newline, _torn = (read_file(self.path) or b"").rpartition(b"\n")
            end = len(whole) + len(newline)
            os.ftruncate(file, end)
            os.pwrite(file, "".join(f"{each.line}\n" for each in heads).encode(), end)
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            _sync_folder(self.path.parent)


def heads_file(site: Site) -> HeadsFile:
    """The heads of a site."""
    return HeadsFile(Path(site.evidence / "heads.jsonl"))


def key_file(site: Site) -> Path:
    """Where the public key of a site stands."""
    return Path(site.evidence / "key.pub")


def public_key(site: Site) -> bytes | None:
    """The published key of a site, 32 raw bytes; None before the first head."""
    content = read_file(key_file(site))
    if content is None:
        return None
    return load_pem_public_key(content).public_bytes(Encoding.Raw, PublicFormat.Raw)


def _sync_folder(folder: Path) -> None:
    listed = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(listed)
    finally:
        os.close(listed)
