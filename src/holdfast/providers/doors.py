"""All doors of one site, put together from its home folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from holdfast.core.layout import CONTROL_NAME, Site
from holdfast.providers import control_database, etcd_members, local, pki, postgresql_programs
from holdfast.providers.authority import SiteAuthority
from holdfast.providers.evidence_files import Signer
from holdfast.providers.secrets import FileKeyWrapper, SecretBox, SecretFiles, password
from holdfast.providers.settings import Settings
from holdfast.system.clock import SystemClock
from holdfast.system.etcd import Credentials, EtcdClient
from holdfast.system.files import make_folder, write_file
from holdfast.system.host import SITE_VARIABLE
from holdfast.system.local_host import LocalHost
from holdfast.system.patroni import PatroniClient
from holdfast.system.supervisor import Supervisor
from holdfast.system.supervisor_daemon import SupervisorDaemon
from holdfast.system.tls import Identity

API_NAME = "holdfast-api"
CONTROL_PLANE = "control-plane"
"""The supervised program that is the control plane."""
_NOW = SystemClock().now


@dataclass(frozen=True, slots=True)
class SiteDoors:
    """What code above needs to work on a site."""

    settings: Settings
    site: Site
    supervisor: Supervisor
    daemon: SupervisorDaemon
    host: LocalHost
    authority: SiteAuthority
    box: SecretBox
    secret_files: SecretFiles

    @property
    def identity(self) -> Identity:
        """The control plane's own client certificate."""
        pki_folder = self.site.pki
        return Identity(
            str(self.site.ca_certificate),
            str(pki_folder / "control.crt"),
            str(pki_folder / "control.key"),
        )

    @property
    def etcd_identity(self) -> Identity:
        """The control plane's certificate for etcd: the gateway accepts no common name."""
        pki_folder = self.site.pki
        return Identity(
            str(self.site.ca_certificate),
            str(pki_folder / "etcd.crt"),
            str(pki_folder / "etcd.key"),
        )

    @property
    def api_certificate(self) -> tuple[Path, Path]:
        """Certificate and key of the API."""
        return Path(self.site.pki / "api.crt"), Path(self.site.pki / "api.key")

    @property
    def database_url(self) -> str:
        """Where the control database is."""
        return control_database.url(self.site, self.settings.database_url)

    @property
    def embedded_database(self) -> bool:
        """Whether the control database is the site's own."""
        return not self.settings.database_url

    def etcd_credentials(self) -> Credentials:
        """etcd's root user."""
        return Credentials(etcd_members.ROOT, self.secret_files.ensure("etcd-root"))

    def etcd(self) -> EtcdClient:
        """A client of the site's etcd as its root user; the caller closes it."""
        return EtcdClient(
            self.site.etcd_endpoints, self.etcd_identity, credentials=self.etcd_credentials()
        )

    def signer(self) -> Signer:
        """The key of the evidence ledger's heads; made the first time."""
        return Signer(self.secret_files.ensure("evidence-key", Signer.new_secret))

    def patroni(self) -> PatroniClient:
        """A client of every node's Patroni; the caller closes it."""
        return PatroniClient(self.identity)

    def installations(self) -> dict[int, postgresql_programs.Installation]:
        """The PostgreSQL majors of this machine."""
        return postgresql_programs.installations(self.settings.postgresql_folders)


def open_site(settings: Settings, now: Callable[[], datetime] = _NOW) -> SiteDoors:
    """The doors of a site that `up` has made. Raises `NotFound` when there is none."""
    site = local.load(settings.home)
    supervisor = Supervisor(Path(site.supervisor), site.id)
    secrets = Path(site.secrets)
    box = SecretBox(secrets / "data-keys.json", FileKeyWrapper(secrets / "master.key"))
    return SiteDoors(
        settings=settings,
        site=site,
        supervisor=supervisor,
        daemon=SupervisorDaemon(supervisor, site.id),
        host=LocalHost("local", site.api_address, supervisor, {SITE_VARIABLE: site.id}),
        authority=SiteAuthority(Path(site.pki), now),
        box=box,
        secret_files=SecretFiles(secrets, box),
    )


def furnish(doors: SiteDoors) -> None:
    """Make folders, keys, certificates and the API's token: whatever is not there yet."""
    site = doors.site
    # Others pass through on their way to what is theirs; what is not theirs is closed itself.
    for name in ("", "clusters", "backups", "sandboxes", "runtime", "pki"):
        make_folder(Path(site.home / name), 0o711 if os.geteuid() == 0 else 0o700)
    make_folder(Path(site.secrets), 0o700)
    make_folder(Path(site.evidence), 0o700)
    doors.supervisor.prepare()
    FileKeyWrapper(Path(site.secrets / "master.key")).ensure()
    doors.box.ensure()
    doors.authority.ensure(f"holdfast {site.id}")
    certify(doors)
    if not Path(site.token_file).exists():
        write_file(Path(site.token_file), password(48).encode() + b"\n", 0o600)


def certify(doors: SiteDoors) -> dict[str, str]:
    """Issue those of the control plane's own certificates that are due.

    Gives the reason of each by its path. Programs that run have to be told of it.
    """
    identity, etcd_identity = doors.identity, doors.etcd_identity
    wanted = (
        (identity.certificate, identity.key, pki.Request(CONTROL_NAME, server=False)),
        (etcd_identity.certificate, etcd_identity.key, pki.Request("", server=False)),
        (
            *doors.api_certificate,
            pki.Request(API_NAME, (doors.site.api_address,), client=False),
        ),
    )
    reasons = {
        str(certificate): doors.authority.ensure_pair(Path(certificate), Path(key), request)
        for certificate, key, request in wanted
    }
    return {path: reason for path, reason in reasons.items() if reason is not None}
