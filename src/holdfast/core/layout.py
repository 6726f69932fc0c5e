"""Where everything of a site stands: folders, addresses, ports, names. Pure arithmetic.

A site is one home folder on one machine. Its servers listen on a /24 of the loopback range
that belongs to the site alone, so that every node has the standard port numbers on an address
of its own and two sites never meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

API_PORT = 7474
ETCD_CLIENT_PORT = 2379
ETCD_PEER_PORT = 2380
POSTGRESQL_PORT = 5432
POOL_RW_PORT = 6432
POOL_RO_PORT = 6433
PATRONI_PORT = 8008

CONTROL_NAME = "holdfast-control"
"""Common name of the control plane's client certificate."""

FIRST_NODE_HOST = 11
"""Host numbers below this one belong to the platform itself."""
LAST_NODE_HOST = 199
FIRST_SANDBOX_HOST = 200
"""Host numbers from here on belong to sandboxes, which come and go."""
LAST_SANDBOX_HOST = 254


@dataclass(frozen=True, slots=True)
class NodePaths:
    """The folders and files of one node of one cluster."""

    root: PurePosixPath

    @property
    def data(self) -> PurePosixPath:
        """PGDATA."""
        return self.root / "data"

    @property
    def run(self) -> PurePosixPath:
        """Unix sockets and pid files."""
        return self.root / "run"

    @property
    def conf(self) -> PurePosixPath:
        """Configuration files of the node's programs."""
        return self.root / "conf"

    @property
    def pki(self) -> PurePosixPath:
        """The node's keys and certificates."""
        return self.root / "pki"

    @property
    def log(self) -> PurePosixPath:
        """Logs of the node's programs."""
        return self.root / "log"


@dataclass(frozen=True, slots=True)
class Site:
    """One home: `subnet` is its first three octets (`127.77.13`), `os_user` runs the data plane.

    `id` is eight hexadecimal digits and marks every process that belongs to the site.
    `control_user` runs the embedded control database, which the data plane may not write to;
    empty where it is `os_user`.
    """

    home: PurePosixPath
    id: str
    subnet: str
    os_user: str
    control_user: str = ""

    def address(self, host: int) -> str:
        """The loopback address with this host number, 1 to 254."""
        if not 1 <= host <= 254:
            raise ValueError(f"host number {host} is not within 1..254")
        return f"{self.subnet}.{host}"

    @property
    def network(self) -> str:
        """The site's addresses in CIDR notation."""
        return f"{self.subnet}.0/24"

    @property
    def api_address(self) -> str:
        """Where the control plane's API listens."""
        return self.address(1)

    @property
    def api_url(self) -> str:
        """Base URL of the API."""
        return f"https://{self.api_address}:{API_PORT}"

    @property
    def token_file(self) -> PurePosixPath:
        """The API's bearer token; only the owner can read it."""
        return self.home / "api.token"

    @property
    def etcd_addresses(self) -> tuple[str, str, str]:
        """Addresses of the three etcd members."""
        return (self.address(2), self.address(3), self.address(4))

    @property
    def etcd_endpoints(self) -> tuple[str, ...]:
        """Client URLs of the three etcd members."""
        return tuple(f"https://{address}:{ETCD_CLIENT_PORT}" for address in self.etcd_addresses)

    @property
    def pki(self) -> PurePosixPath:
        """The internal CA (`ca.crt`, `ca.key`) and the control plane's own certificates."""
        return self.home / "pki"

    @property
    def ca_certificate(self) -> PurePosixPath:
        """What every client verifies against; world-readable."""
        return self.pki / "ca.crt"

    @property
    def secrets(self) -> PurePosixPath:
        """The key file that encrypts secrets at rest."""
        return self.home / "secrets"

    @property
    def evidence(self) -> PurePosixPath:
        """The ledger's signed heads (`heads.jsonl`) and its public key (`key.pub`)."""
        return self.home / "evidence"

    @property
    def database_user(self) -> str:
        """Whom the embedded control database runs as."""
        return self.control_user or self.os_user

    @property
    def control(self) -> PurePosixPath:
        """The embedded control database: `data`, `run`, `log`."""
        return self.home / "control"

    def etcd(self, member: int) -> PurePosixPath:
        """The folder of etcd member 1, 2 or 3."""
        return self.home / "etcd" / str(member)

    @property
    def supervisor(self) -> PurePosixPath:
        """supervisord's configuration, socket, pid file and log."""
        return self.home / "supervisor"

    @property
    def runtime(self) -> PurePosixPath:
        """The data plane's private copy of the Python programs it runs."""
        return self.home / "runtime"

    @property
    def sandboxes(self) -> PurePosixPath:
        """Restored copies under test; each is destroyed afterwards."""
        return self.home / "sandboxes"

    def cluster(self, database: str) -> PurePosixPath:
        """Everything of one database cluster but its backups."""
        return self.home / "clusters" / database

    def node(self, database: str, ordinal: int) -> NodePaths:
        """The folders of one node; ordinals count from 1."""
        return NodePaths(self.cluster(database) / str(ordinal))

    def repository(self, database: str) -> PurePosixPath:
        """The pgBackRest repository of one cluster."""
        return self.home / "backups" / database


def etcd_prefix(database: str) -> str:
    """The etcd key prefix of one cluster: Patroni's namespace and scope."""
    return f"/holdfast/{database}/"


def etcd_user(database: str) -> str:
    """The etcd user that may read and write the cluster's prefix, and nothing else."""
    return f"cluster-{database}"


def node_name(database: str, ordinal: int) -> str:
    """A node's name; Patroni's member name too."""
    return f"{database}-{ordinal}"
