"""Secrets by reference: sealed by the site's box, kept in the control database."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.providers.secrets import Sealed, SecretBox, password
from holdfast.store import Store, secrets


@dataclass(frozen=True, slots=True)
class Vault:
    """The engine's `Secrets`, for real."""

    store: Store
    box: SecretBox

    async def get(self, reference: str) -> str | None:
        """The secret, None when there is none yet."""
        async with self.store.begin() as connection:
            found = await secrets.find(connection, reference)
        return None if found is None else self._opened(found)

    async def ensure(self, reference: str) -> str:
        """The secret; a new password when there is none yet."""
        present = await self.get(reference)
        if present is not None:
            return present
        fresh = self.box.encrypt(reference, password())
        async with self.store.begin() as connection:
            kept = await secrets.create(
                connection,
                reference,
                ciphertext=fresh.ciphertext,
                nonce=fresh.nonce,
                key_id=fresh.key_id,
            )
        # Somebody else may have been quicker: the one that is kept counts.
        return self._opened(kept)

    async def give(self, reference: str, value: str) -> None:
        """Keep a value that comes from outside, in place of an earlier one."""
        fresh = self.box.encrypt(reference, value)
        async with self.store.begin() as connection:
            await secrets.replace(
                connection,
                reference,
                ciphertext=fresh.ciphertext,
                nonce=fresh.nonce,
                key_id=fresh.key_id,
            )

    def _opened(self, kept: secrets.Sealed) -> str:
        return self.box.decrypt(kept.ref, Sealed(kept.ciphertext, kept.nonce, kept.key_id))
