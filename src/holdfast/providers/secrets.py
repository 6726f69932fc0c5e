"""Secrets at rest: AES-256-GCM under data keys, which a `KeyWrapper` keeps wrapped.

The wrapper of a single machine is a key file; a key management service is another one. What a
secret is for (its reference) is authenticated with it, so that a ciphertext moved to another
reference does not open.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.core.change import Json
from holdfast.core.errors import Error
from holdfast.system.files import read_file, write_file

# Nothing that a shell, a URL or a libpq string reads as more than a letter, and no look-alikes.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted secret; `key_id` names the data key."""

    ciphertext: bytes
    nonce: bytes
    key_id: str


class KeyWrapper(Protocol):
    """Whoever keeps the key that the data keys are wrapped with."""

    def wrap(self, key: bytes) -> bytes:
        """The data key, unreadable."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key again. Raises `Error` when it was not wrapped here."""
        ...


class FileKeyWrapper:
    """A master key in a file of mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ensure(self) -> bool:
        """Make the file unless it is there. True if it was made."""
        if self._path.exists():
            return False
        write_file(self._path, base64.b64encode(secrets.token_bytes(32)) + b"\n", 0o600)
        return True

    def wrap(self, key: bytes) -> bytes:
        """The data key, unreadable."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher().encrypt(nonce, key, b"data key")

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key again."""
        try:
            nonce, rest = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
            return self._cipher().decrypt(nonce, rest, b"data key")
        except InvalidTag:
            raise Error(
                f"the key in {self._path} is not the one the secrets were encrypted with",
                subject="master key",
                hint="restore the key file from your backup of the home folder",
            ) from None

    def _cipher(self) -> AESGCM:
        content = read_file(self._path)
        if content is None:
            raise Error(
                f"no key file {self._path}: stored secrets cannot be read",
                subject="master key",
                hint="restore the key file from your backup of the home folder",
            )
        return AESGCM(base64.b64decode(content))


class SecretBox:
    """Encrypts and decrypts under the data keys in `keys_file` (JSON, wrapped)."""

    def __init__(self, keys_file: Path, wrapper: KeyWrapper) -> None:
        self._file = keys_file
        self._wrapper = wrapper
        self._keys: dict[str, bytes] = {}

    def ensure(self) -> bool:
        """Make the first data key unless there is one. True if it was made."""
        if self._file.exists():
            return False
        self.rotate()
        return True

    def rotate(self) -> str:
        """Make a new data key for what is encrypted from now on; older ones still decrypt."""
        wrapped = self._wrapped()
        key_id = f"{len(wrapped['keys']) + 1}-{secrets.token_hex(4)}"
        new_key = self._wrapper.wrap(AESGCM.generate_key(256))
        wrapped["keys"][key_id] = base64.b64encode(new_key).decode()
        wrapped["current"] = key_id
        write_file(self._file, json.dumps(wrapped, indent=1).encode(), 0o600)
        return key_id

    def encrypt(self, ref: str, secret: str) -> Sealed:
        """Encrypt the secret for this reference."""
        key_id = self._wrapped()["current"]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._key(key_id)).encrypt(nonce, secret.encode(), ref.encode())
        return Sealed(sealed, nonce, key_id)

    def decrypt(self, ref: str, sealed: Sealed) -> str:
        """The secret. Raises `Error` when it was changed or belongs to another reference."""
        try:
            cipher = AESGCM(self._key(sealed.key_id))
            return cipher.decrypt(sealed.nonce, sealed.ciphertext, ref.encode()).decode()
        except InvalidTag:
            raise Error(f"secret {ref} was tampered with", subject=f"secret {ref}") from None

    def _key(self, key_id: str) -> bytes:
        if key_id not in self._keys:
            wrapped = self._wrapped()["keys"].get(key_id)
            if wrapped is None:
                raise Error(f"no data key {key_id} in {self._file}", subject="data key")
            self._keys[key_id] = self._wrapper.unwrap(base64.b64decode(wrapped))
        return self._keys[key_id]

    def _wrapped(self) -> dict[str, Json]:
        content = read_file(self._file)
        found: dict[str, Json] = json.loads(content) if content else {"keys": {}}
        return found


class SecretFiles:
    """The few secrets that are needed before the control database answers, one file each."""

    def __init__(self, folder: Path, box: SecretBox) -> None:
        self._folder = folder
        self._box = box

    def ensure(self, ref: str, make: Callable[[], str] | None = None) -> str:
        """The secret with this name; where there is none, what `make` says, else a password."""
        path = self._folder / f"{ref}.sealed"
        content = read_file(path)
        if content is not None:
            found = json.loads(content)
            sealed = Sealed(
                base64.b64decode(found["ciphertext"]),
                base64.b64decode(found["nonce"]),
                found["key_id"],
            )
            return self._box.decrypt(ref, sealed)
        secret = (make or password)()
        sealed = self._box.encrypt(ref, secret)
        values = {
            "ciphertext": base64.b64encode(sealed.ciphertext).decode(),
            "nonce": base64.b64encode(sealed.nonce).decode(),
            "key_id": sealed.key_id,
        }
        write_file(path, json.dumps(values).encode(), 0o600)
        return secret


def password(length: int = 40) -> str:
    """A random password of letters and digits, 5.8 bits each."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
