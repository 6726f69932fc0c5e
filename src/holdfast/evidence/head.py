"""Signed tree heads: what the ledger was at a moment, in a form that only the key can make."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from holdfast.core.change import Json

PREFIX = b"holdfast tree head 1\n"
"""Signed before every head, so that a signature means nothing else."""


@dataclass(frozen=True, slots=True)
class Head:
    """The tree of `size` leaves at a moment. `number` counts the heads of a log from 0.

    `log` is the log's own id, `key` the fingerprint of the key that signs.
    """

    log: str
    number: int
    size: int
    root: bytes
    at: datetime
    key: str

    @property
    def text(self) -> str:
        """Canonical JSON: what is signed."""
        told: dict[str, Json] = {
            "log": self.log,
            "number": self.number,
            "size": self.size,
            "root": self.root.hex(),
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "key": self.key,
        }
        return rfc8785.dumps(told).decode()

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read a head. Raises ValueError for what is none."""
        try:
            told = json.loads(text)
            return cls(
                log=str(told["log"]),
                number=int(told["number"]),
                size=int(told["size"]),
                root=bytes.fromhex(told["root"]),
                at=datetime.fromisoformat(told["at"]),
                key=str(told["key"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a tree head: {error!r}") from error


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head's text, to the byte, with its signature."""

    text: str
    signature: bytes

    @property
    def head(self) -> Head:
        """What it says. Raises ValueError."""
        return Head.parse(self.text)

    @property
    def line(self) -> str:
        """One line of the heads file."""
        told = {"head": self.text, "signature": self.signature.hex()}
        return json.dumps(told, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def parse(cls, line: str) -> SignedHead:
        """Read a line of the heads file. Raises ValueError."""
        try:
            told = json.loads(line)
            return cls(str(told["head"]), bytes.fromhex(told["signature"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a signed tree head: {error!r}") from error

    def is_signed_by(self, public_key: bytes) -> bool:
        """Whether the holder of this key signed it; `public_key` is 32 raw bytes."""
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(
                self.signature, PREFIX + self.text.encode()
            )
        except (InvalidSignature, ValueError):
            return False
        return True


def signed(head: Head, sign: Callable[[bytes], bytes]) -> SignedHead:
    """The head with its signature."""
    return SignedHead(head.text, sign(PREFIX + head.text.encode()))


def fingerprint(public_key: bytes) -> str:
    """The name of a key that people compare: SHA-256 of its 32 raw bytes, in hexadecimal."""
    return hashlib.sha256(public_key).hexdigest()
