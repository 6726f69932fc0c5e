"""What an agent is told: one JSON file, written by whoever sets the node up."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from typing import Any

from holdfast.core.errors import Invalid
from holdfast.core.layout import PATRONI_PORT, POSTGRESQL_PORT, etcd_prefix
from holdfast.core.units import size_bytes
from holdfast.system.tls import Identity

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
"""What a key in PgBouncer's configuration may consist of."""

LAG_BOUND_BYTES = size_bytes("64MiB")
"""Beyond this a replica serves no reads: about a second of WAL on a busy small node."""


@dataclass(frozen=True, slots=True)
class EtcdAccess:
    """How to reach etcd; the password stands in a file of its own."""

    endpoints: tuple[str, ...]
    user: str
    password_file: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class PoolerFiles:
    """One PgBouncer of the node: its port and the include file that holds its `[databases]`.

    The agent owns the include file; the rest of the configuration is somebody else's.
    """

    port: int
    databases_file: str


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Everything one agent knows beforehand.

    `socket_folder` holds the Unix sockets of PostgreSQL and of both poolers. `databases` are the
    logical databases that the poolers serve. `check_user` logs in to `check_database` of every
    member: through the local socket by peer, elsewhere by the certificate in `identity`.
    `lag_bound_bytes` is how much WAL a replica may be behind and still serve reads.
    `data_folder` is PostgreSQL's, empty where the agent is to steer poolers only; `gives_back` is
    whether a server that is down shall cost its node the leader's role at once.
    """

    cluster: str
    node: str
    address: str
    socket_folder: str
    databases: tuple[str, ...]
    rw: PoolerFiles
    ro: PoolerFiles
    identity: Identity
    etcd: EtcdAccess
    check_user: str
    check_database: str = "postgres"
    postgresql_port: int = POSTGRESQL_PORT
    lag_bound_bytes: int = LAG_BOUND_BYTES
    data_folder: str = ""
    patroni_port: int = PATRONI_PORT
    gives_back: bool = False

    @property
    def prefix(self) -> str:
        """Where the cluster's keys stand in etcd."""
        return etcd_prefix(self.cluster)

    @property
    def files(self) -> tuple[str, ...]:
        """Files that an agent has to read again when they change."""
        return (
            *(self.identity.ca, self.identity.certificate, self.identity.key),
            *(self.etcd.identity.ca, self.etcd.identity.certificate, self.etcd.identity.key),
            self.etcd.password_file,
        )

    @property
    def report_key(self) -> str:
        """The key under which this agent reports."""
        return f"{self.prefix}pooler/nodes/{self.node}"

    @classmethod
    def from_json(cls, text: str) -> NodeConfig:
        """Read a configuration. Raises Invalid, naming the field that is missing or unknown."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise Invalid(f"node configuration is not JSON: {error}") from error
        data = _known(cls, data, "")
        etcd = _known(EtcdAccess, data["etcd"], "etcd.")
        etcd["identity"] = Identity(**_known(Identity, etcd["identity"], "etcd.identity."))
        etcd["endpoints"] = tuple(etcd["endpoints"])
        data["etcd"] = EtcdAccess(**etcd)
        data["identity"] = Identity(**_known(Identity, data["identity"], "identity."))
        data["databases"] = tuple(data["databases"])
        for name in data["databases"]:
            if not _NAME.fullmatch(name):
                raise Invalid(f"node configuration: PgBouncer cannot serve a database {name!r}")
        for side in ("rw", "ro"):
            data[side] = PoolerFiles(**_known(PoolerFiles, data[side], f"{side}."))
        return cls(**data)

    def to_json(self) -> str:
        """The inverse of `from_json`, with sorted keys and a newline at the end."""
        return json.dumps(_plain(self), indent=2, sort_keys=True) + "\n"


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return list(value) if isinstance(value, tuple) else value


def _known(kind: Any, data: Any, path: str) -> dict[str, Any]:
    """The object at `path`, once it has the fields of the dataclass `kind` and no others."""
    if not isinstance(data, dict):
        raise Invalid(f"node configuration: {path.rstrip('.') or 'the whole'} is not an object")
    names = {each.name for each in fields(kind)}
    needed = {each.name for each in fields(kind) if each.default is each.default_factory}
    for name in sorted(data.keys() - names):
        raise Invalid(f"node configuration: unknown field {path}{name}")
    for name in sorted(needed - data.keys()):
        raise Invalid(f"node configuration: field {path}{name} is missing")
    return dict(data)
