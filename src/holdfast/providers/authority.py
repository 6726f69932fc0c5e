"""The certificate authority of one site, as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from holdfast.core.errors import Error
from holdfast.providers import pki
from holdfast.system.files import read_file, write_file


class SiteAuthority:
    """`ca.crt` (anybody may read it) and `ca.key` (0600) in a folder."""

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._now = now

    @property
    def certificate(self) -> Path:
        """What clients verify against."""
        return self._folder / "ca.crt"

    def ensure(self, name: str) -> bool:
        """Make the authority unless it is there. True if it was made.

        Raises `Error` when only half of it is there, because a new key would lock everybody out,
        and when by the clock nobody can trust it.
        """
        key, certificate = read_file(self._folder / "ca.key"), read_file(self.certificate)
        if key is not None and certificate is not None:
            self._check_clock(certificate)
            return False
        if certificate is not None:
            raise Error(
                f"{self._folder / 'ca.key'} is missing beside {self.certificate}",
                subject="certificate authority",
                hint="restore the key from your backup of the home folder",
            )
        made = pki.authority(name, self._now())
        # The key first: a key without certificate is one that nobody has trusted yet.
        write_file(self._folder / "ca.key", made.key, 0o600)
        write_file(self.certificate, made.certificate, 0o644)
        return True

    def _check_clock(self, certificate: bytes) -> None:
        now = self._now()
        if not pki.is_valid(certificate, now):
            raise Error(
                f"the clock says {now:%Y-%m-%d}, and {self.certificate} is not valid then",
                subject="certificate authority",
                hint="set the machine's clock",
            )

    def issue(self, common_name: str, addresses: Sequence[str]) -> tuple[bytes, bytes]:
        """A new certificate for a server that is a client too, and its key, PEM."""
        made = pki.issue(self._load(), pki.Request(common_name, tuple(addresses)), self._now())
        return made.certificate, made.key

    def fault(
        self, certificate: bytes, key: bytes, common_name: str, addresses: Sequence[str]
    ) -> str:
        """Why such a certificate and its key have to be replaced; empty when they are fine."""
        if fault := self._renewal(certificate, pki.Request(common_name, tuple(addresses))):
            return fault
        if not pki.belong_together(certificate, key):
            return "key and certificate do not belong together"
        return ""

    def ensure_pair(
        self, certificate: Path, key: Path, request: pki.Request, *, owner: str | None = None
    ) -> str | None:
        """Make both files unless they are good. Gives the reason if they were made.

        The certificate gets mode 0644, the key 0600; both belong to `owner`.
        """
        reason = self._reason(certificate, key, request)
        if reason is not None:
            made = pki.issue(self._load(), request, self._now())
            # The old key never stands beside the new certificate for longer than two renames.
            write_file(key, made.key, 0o600, owner)
            write_file(certificate, made.certificate, 0o644, owner)
        return reason

    def _reason(self, certificate: Path, key: Path, request: pki.Request) -> str | None:
        found = read_file(certificate)
        if found is None or read_file(key) is None:
            return "it is missing"
        if not pki.belong_together(found, read_file(key) or b""):
            return "key and certificate do not belong together"
        return self._renewal(found, request)

    def _renewal(self, certificate: bytes, request: pki.Request) -> str | None:
        return pki.needs_renewal(certificate, request, self._load().certificate, self._now())

    def _load(self) -> pki.Issued:
        key, certificate = read_file(self._folder / "ca.key"), read_file(self.certificate)
        if key is None or certificate is None:
            raise Error(
                f"no certificate authority in {self._folder}",
                subject="certificate authority",
                hint="run holdfast up",
            )
        return pki.Issued(certificate, key)
