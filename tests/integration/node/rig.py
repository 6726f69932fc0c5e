"""A small real cluster: etcd, Patroni with PostgreSQL, two PgBouncers and an agent per node.

Everything stands in one folder under the temporary folder, listens on one loopback /24, and is
ended by the process ids that were started.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import getpass
import ipaddress
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.engines.postgresql.render_pooler import (
    PoolerSettings,
    pooler_ini,
    user_list,
)
from holdfast.node.config import EtcdAccess, NodeConfig, PoolerFiles
from holdfast.system.etcd import Credentials, EtcdClient
from holdfast.system.tls import Identity
from tests.conftest import find_program

SUBNET = f"127.61.{os.getpid() % 254 + 1}"
"""Another one in every process that runs tests."""
CLUSTER = "shop"
PREFIX = f"/holdfast/{CLUSTER}/"
DATABASES = ("shop", "stock")
PASSWORD = "correct horse"
PROJECT = Path(__file__).parents[3]
_WINDOW = datetime.timedelta(days=1)


def os_user() -> str:
    """PostgreSQL does not run as root."""
    return "postgres" if os.geteuid() == 0 else getpass.getuser()


class Pki:
    """A CA and what it issues, all in one folder."""

    def __init__(self, folder: Path, owner: str) -> None:
        self.folder, self._owner = folder, owner
        folder.mkdir(mode=0o755)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
        self.ca = str(folder / "ca.crt")
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        Path(self.ca).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _WINDOW)
            .not_valid_after(now + _WINDOW)
        )

    def issue(self, file: str, common_name: str, address: str = "") -> str:
        """Path of a new certificate without its suffix."""
        key = ec.generate_private_key(ec.SECP256R1())
        # etcd's gateway declines certificates with a common name once it has users.
        names = [common_name] if common_name else []
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in names])
        builder = self._builder(subject, key)
        if address:
            both = [x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName(address)]
            builder = builder.add_extension(x509.SubjectAlternativeName(both), critical=False)
        stem = self.folder / file
        certificate = builder.sign(self._key, hashes.SHA256())
        Path(f"{stem}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        Path(f"{stem}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        Path(f"{stem}.key").chmod(0o600)
        shutil.chown(f"{stem}.key", self._owner)
        return str(stem)

    def identity(self, stem: str) -> Identity:
        return Identity(self.ca, f"{stem}.crt", f"{stem}.key")


@dataclass
class Node:
    """One node of the rig."""

    name: str
    address: str
    root: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def run(self) -> Path:
        return self.root / "run"

    def postmaster(self) -> int | None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self.root / "data" / "postmaster.pid").read_text().splitlines()[0])
        return None

    def log(self, part: str) -> str:
        return (self.root / f"{part}.log").read_text()


class Rig:
    """The cluster under test."""

    def __init__(self, nodes: int = 3, subnet: str = SUBNET) -> None:
        self.owner = os_user()
        self.root = Path(tempfile.mkdtemp(prefix="holdfast-node-", dir="/tmp"))
        self.root.chmod(0o755)
        shutil.chown(self.root, self.owner)
        self.pki = Pki(self.root / "pki", self.owner)
        self.subnet = subnet
        self.bindir = Path(str(find_program("initdb"))).resolve().parent
        self.etcd_url = f"https://{subnet}.2:2379"
        self.nodes = [
            Node(f"{CLUSTER}-{k}", f"{subnet}.{10 + k}", self.root / str(k))
            for k in range(1, nodes + 1)
        ]
        self._processes: list[subprocess.Popen[bytes]] = []

    # Processes

    def spawn(
        self, node: Node | None, part: str, argv: list[str], **env: str
    ) -> subprocess.Popen[bytes]:
        folder = node.root if node else self.root
        with (folder / f"{part}.log").open("ab") as log:
            process = subprocess.Popen(
                argv,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                start_new_session=True,
                env={"PATH": f"{self.bindir}:/usr/sbin:/usr/bin:/bin", "LANG": "C.UTF-8", **env},
                **self._demoted(),
            )
        self._processes.append(process)
        if node:
            node.processes[part] = process
        return process

    def _demoted(self) -> dict[str, object]:
        if os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam(self.owner)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def signal_database(self, node: Node, signum: int) -> None:
        """To Patroni, the postmaster and all its children."""
        postmaster = node.postmaster()
        assert postmaster is not None
        for pid in (node.processes["patroni"].pid, postmaster, *children(postmaster)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)

    def end(self, node: Node, part: str, signum: int = signal.SIGKILL) -> None:
        process = node.processes.pop(part, None)
        if process is not None and process.poll() is None:
            process.send_signal(signum)
            process.wait(20)

    def stop(self) -> None:
        """End everything that was started and remove the folder."""
        for node in self.nodes:
            for part in ("agent", "patroni"):
                self.end(node, part)
            pid = node.postmaster()
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
                    os.kill(pid, signal.SIGQUIT)
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait(20)
        for node in self.nodes:
            deadline = time.monotonic() + 10
            pid = node.postmaster()
            while pid and Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
        if not os.environ.get("HOLDFAST_TEST_KEEP"):
            shutil.rmtree(self.root, ignore_errors=True)

    # etcd

    async def start_etcd(self) -> None:
        address = f"{self.subnet}.2"
        stem = self.pki.issue("etcd", "etcd", address)
        data = self.root / "etcd"
        data.mkdir(mode=0o700)
        shutil.chown(data, self.owner)
        self.etcd = self.spawn(
            None,
            "etcd",
            [
                str(find_program("etcd")),
                *("--name", "e1", "--data-dir", str(data), "--unsafe-no-fsync"),
                *("--listen-client-urls", self.etcd_url, "--advertise-client-urls", self.etcd_url),
                *("--listen-peer-urls", f"http://{address}:2380"),
                *("--initial-advertise-peer-urls", f"http://{address}:2380"),
                *("--initial-cluster", f"e1=http://{address}:2380"),
                *("--cert-file", f"{stem}.crt", "--key-file", f"{stem}.key"),
                *("--client-cert-auth", "--trusted-ca-file", self.pki.ca),
                *("--auto-compaction-retention", "5m", "--log-level", "error"),
            ],
        )
        await until(self._etcd_answers, "etcd answers")
        root = self.pki.issue("root", "")
        async with EtcdClient([self.etcd_url], self.pki.identity(root)) as client:
            await client.ensure_role("root")
            await client.ensure_user("root", PASSWORD, ["root"])
            await client.ensure_role("cluster", PREFIX)
            await client.ensure_user("cluster", PASSWORD, ["cluster"])
            await client.enable_auth()

    async def _etcd_answers(self) -> bool:
        stem = self.pki.folder / "probe"
        if not Path(f"{stem}.crt").exists():
            self.pki.issue("probe", "")
        async with EtcdClient([self.etcd_url], self.pki.identity(str(stem))) as client:
            return (await client.members())[0].healthy

    def client(self) -> EtcdClient:
        return EtcdClient(
            [self.etcd_url],
            self.pki.identity(str(self.pki.folder / "root")),
            credentials=Credentials("cluster", PASSWORD),
        )

    # Nodes

    def prepare(self, node: Node) -> None:
        for folder in (node.root, node.run, node.root / "conf"):
            folder.mkdir(mode=0o700, exist_ok=True)
            shutil.chown(folder, self.owner)
        for name, common_name, address in (
            ("server", node.name, node.address),
            ("node", "", node.address),
            ("holdfast_pooler", "holdfast_pooler", ""),
            ("holdfast_replicator", "holdfast_replicator", ""),
        ):
            self.pki.issue(f"{node.name}-{name}", common_name, address)
        self._write(node.root / "conf" / "patroni.yml", json.dumps(self._patroni(node)))
        self._write(node.root / "conf" / "users.txt", user_list(CLOSED))
        for side, port in (("rw", 6432), ("ro", 6433)):
            settings = self.pooler_settings(node, side, port)
            self._write(node.root / "conf" / f"{side}.ini", pooler_ini(settings))
        self._write(node.root / "conf" / "password", PASSWORD)
        script = node.root / "conf" / "before_stop.sh"
        self._write(script, QUICK_STOP.format(node=node.root))
        script.chmod(0o700)
        self._write(node.root / "conf" / "node.json", self.config(node).to_json())

    def pooler_settings(self, node: Node, side: str, port: int) -> PoolerSettings:
        return PoolerSettings(
            address=node.address,
            port=port,
            socket_folder=str(node.run),
            databases_file=str(node.run / f"{side}.databases.ini"),
            users_file=str(node.root / "conf" / "users.txt"),
            ca=self.pki.ca,
            server=self.stem(node, "server"),
            client=self.stem(node, "holdfast_pooler"),
            auth_user="holdfast_pooler",
            pool_size=20,
        )

    def config(self, node: Node) -> NodeConfig:
        return NodeConfig(
            cluster=CLUSTER,
            node=node.name,
            address=node.address,
            socket_folder=str(node.run),
            databases=DATABASES,
            rw=PoolerFiles(6432, str(node.run / "rw.databases.ini")),
            ro=PoolerFiles(6433, str(node.run / "ro.databases.ini")),
            identity=self.pki.identity(self.stem(node, "holdfast_pooler")),
            etcd=EtcdAccess(
                (self.etcd_url,),
                "cluster",
                str(node.root / "conf" / "password"),
                self.pki.identity(self.stem(node, "node")),
            ),
            check_user="holdfast_pooler",
        )

    def stem(self, node: Node, name: str) -> str:
        return str(self.pki.folder / f"{node.name}-{name}")

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o600)
        shutil.chown(path, self.owner)

    def _patroni(self, node: Node) -> dict[str, object]:
        pki, ca = self.stem(node, "node"), self.pki.ca
        replicator = self.stem(node, "holdfast_replicator")
        server = self.stem(node, "server")
        return {
            "scope": CLUSTER,
            "namespace": "/holdfast/",
            "name": node.name,
            "restapi": {
                "listen": f"{node.address}:8008",
                "connect_address": f"{node.address}:8008",
            },
            "etcd3": {
                "hosts": [f"{self.subnet}.2:2379"],
                "protocol": "https",
                "cacert": ca,
                "cert": f"{pki}.crt",
                "key": f"{pki}.key",
                "username": "cluster",
                "password": PASSWORD,
            },
            "bootstrap": {
                "dcs": {
                    "ttl": 20,
                    "loop_wait": 2,
                    "retry_timeout": 3,
                    "synchronous_mode": "on",
                    "primary_start_timeout": 0,
                    "failsafe_mode": True,
                    "postgresql": {
                        "use_pg_rewind": True,
                        "parameters": {
                            "wal_log_hints": "on",
                            "max_connections": 200,
                            "shared_buffers": "128MB",
                        },
                    },
                },
                "initdb": [
                    {"encoding": "UTF8"},
                    {"locale": "C.UTF-8"},
                    {"username": "postgres"},
                    "data-checksums",
                ],
            },
            "postgresql": {
                "listen": f"{node.address}:5432",
                "connect_address": f"{node.address}:5432",
                "data_dir": str(node.root / "data"),
                "bin_dir": str(self.bindir),
                "before_stop": str(node.root / "conf" / "before_stop.sh"),
                "use_unix_socket": True,
                "basebackup": [{"checkpoint": "fast"}],
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {
                        "username": "holdfast_replicator",
                        "sslmode": "verify-full",
                        "sslcert": f"{replicator}.crt",
                        "sslkey": f"{replicator}.key",
                        "sslrootcert": ca,
                    },
                    "rewind": {
                        "username": "holdfast_replicator",
                        "sslmode": "verify-full",
                        "sslcert": f"{replicator}.crt",
                        "sslkey": f"{replicator}.key",
                        "sslrootcert": ca,
                    },
                },
                "parameters": {
                    "unix_socket_directories": str(node.run),
                    "ssl": "on",
                    "ssl_cert_file": f"{server}.crt",
                    "ssl_key_file": f"{server}.key",
                    "ssl_ca_file": ca,
                    "log_line_prefix": "%m [%p] %q%u@%d ",
                },
                "pg_hba": [
                    "local all postgres peer map=node",
                    "local all holdfast_pooler peer map=node",
                    "local all holdfast_replicator reject",
                    "local all all scram-sha-256",
                    "hostssl replication holdfast_replicator 127.0.0.0/8 cert",
                    "hostssl all holdfast_replicator 127.0.0.0/8 cert",
                    "hostssl all holdfast_pooler 127.0.0.0/8 cert",
                    "hostssl all all 127.0.0.0/8 scram-sha-256",
                ],
                "pg_ident": [
                    f"node {self.owner} postgres",
                    f"node {self.owner} holdfast_pooler",
                ],
            },
        }

    def start_patroni(self, node: Node) -> None:
        argv = [python(), "-S", "-s", "-m", "patroni", str(node.root / "conf" / "patroni.yml")]
        self.spawn(node, "patroni", argv, PYTHONPATH=packages(), HOME=str(node.root))

    def start_pooler(self, node: Node, side: str) -> None:
        argv = [str(find_program("pgbouncer")), str(node.root / "conf" / f"{side}.ini")]
        self.spawn(node, f"pooler-{side}", argv)

    def start_agent(self, node: Node) -> None:
        argv = [python(), "-S", "-s", "-m", "holdfast.node", str(node.root / "conf" / "node.json")]
        self.spawn(node, "agent", argv, PYTHONPATH=f"{PROJECT / 'src'}:{packages()}")

    async def start(self) -> None:
        """Bring all of it up; ends when every pooler leads to the right node."""
        await self.start_etcd()
        for node in self.nodes:
            self.prepare(node)
            self.start_patroni(node)
        await until(self._has_leader, "a leader", 60)
        leader = await self.leader()
        self.bootstrap(leader)
        await until(self._all_stream, "replicas stream", 60)
        for node in self.nodes:
            self.start_agent(node)
            for side in ("rw", "ro"):
                await until(lambda n=node, s=side: _exists(n.run / f"{s}.databases.ini"), "files")
                self.start_pooler(node, side)
        await self.settled()

    def bootstrap(self, leader: Node) -> None:
        """Roles, databases and the login function, as the platform makes them."""
        with self.superuser(leader) as connection:
            connection.execute("CREATE ROLE holdfast_pooler LOGIN")
            connection.execute(f"CREATE ROLE shop_app LOGIN PASSWORD '{PASSWORD}'")
            for name in DATABASES:
                connection.execute(f"CREATE DATABASE {name} OWNER shop_app")
        for name in DATABASES:
            with self.superuser(leader, name) as connection:
                connection.execute("CREATE SCHEMA holdfast")
                connection.execute(POOL_LOGIN)
                connection.execute("GRANT USAGE ON SCHEMA holdfast TO holdfast_pooler")

    def superuser(self, node: Node, database: str = "postgres") -> psycopg.Connection[object]:
        """By the Unix socket and as the node's own user, hence with switched ids."""
        with self._as_owner():
            return psycopg.connect(
                host=str(node.run), user="postgres", dbname=database, autocommit=True
            )

    @contextlib.contextmanager
    def _as_owner(self) -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        entry = pwd.getpwnam(self.owner)
        os.setegid(entry.pw_gid)
        os.seteuid(entry.pw_uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)

    def dsn(self, node: Node, port: int = 6432, database: str = "shop", **more: str) -> str:
        options = {
            "host": node.address,
            "port": str(port),
            "dbname": database,
            "user": "shop_app",
            "password": PASSWORD,
            "sslmode": "verify-full",
            "sslrootcert": self.pki.ca,
            "connect_timeout": "30",
            **more,
        }
        return psycopg.conninfo.make_conninfo(**options)

    # Questions

    async def leader_name(self) -> str | None:
        async with self.client() as client:
            found = await client.get(f"{PREFIX}leader")
        return found.value if found else None

    async def leader(self) -> Node:
        name = await self.leader_name()
        return next(node for node in self.nodes if node.name == name)

    async def _has_leader(self) -> bool:
        name = await self.leader_name()
        if name is None:
            return False
        node = next(node for node in self.nodes if node.name == name)
        with contextlib.suppress(psycopg.Error), self.superuser(node) as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            return row == (False,)
        return False

    async def _all_stream(self) -> bool:
        node = await self.leader()
        async with self.client() as client:
            members = await client.get_prefix(f"{PREFIX}members/")
        states = {key.rpartition("/")[2]: json.loads(value.value) for key, value in members.items()}
        return len(states) == len(self.nodes) and all(
            state.get("state") == "running"
            and (name == node.name or state.get("replication_state") == "streaming")
            for name, state in states.items()
        )

    async def settled(self, deadline_s: float = 60) -> None:
        """All members stream, and all poolers lead where they should and hold nobody back."""
        await until(self._has_leader, "a leader", deadline_s)
        await until(self._all_stream, "replicas stream", deadline_s)
        for node in self.nodes:
            await until(lambda n=node: self.leads(n, 6432, False), f"rw of {node.name}", deadline_s)
            await until(
                lambda n=node: self.leads(n, 6433, len(self.nodes) > 1),
                f"ro of {node.name}",
                deadline_s,
            )

    async def healed(self) -> None:
        """Start again what a test has ended, and wait until all is well."""
        for node in self.nodes:
            for part in ("patroni", "pooler-rw", "pooler-ro", "agent"):
                process = node.processes.get(part)
                if process is None or process.poll() is not None:
                    self.start_part(node, part)
        await self.settled()

    def start_part(self, node: Node, part: str) -> None:
        if part == "patroni":
            self.start_patroni(node)
        elif part == "agent":
            self.start_agent(node)
        else:
            self.start_pooler(node, part.removeprefix("pooler-"))

    async def reports(self) -> dict[str, dict[str, object]]:
        """What the agents tell, by node."""
        async with self.client() as client:
            found = await client.get_prefix(f"{PREFIX}pooler/nodes/")
        return {key.rpartition("/")[2]: json.loads(value.value) for key, value in found.items()}

    @contextlib.asynccontextmanager
    async def order(self, leader: Node, operation: str = "op") -> AsyncIterator[None]:
        """An order to hold the leader's clients, as the control plane gives it."""
        async with self.client() as client:
            lease = await client.grant_lease(30)
            text = json.dumps({"operation": operation, "leader": leader.name})
            await client.put(f"{PREFIX}pooler/pause", text, lease=lease)
            try:
                yield
            finally:
                await client.revoke_lease(lease)

    async def all_report(self, **wanted: object) -> None:
        async def question() -> bool:
            reports = await self.reports()
            return len(reports) == len(self.nodes) and all(
                wanted.items() <= report.items() for report in reports.values()
            )

        await until(question, f"reports with {wanted}")

    async def leads(self, node: Node, port: int, in_recovery: bool) -> bool:
        def ask() -> bool:
            with (
                contextlib.suppress(psycopg.Error),
                psycopg.connect(
                    self.dsn(node, port, connect_timeout="3"), prepare_threshold=None
                ) as each,
            ):
                each.execute("SET LOCAL statement_timeout = '3s'")
                return each.execute("SELECT pg_is_in_recovery()").fetchone() == (in_recovery,)
            return False

        return await asyncio.to_thread(ask)

    async def switchover(self, leader: Node) -> None:
        """Ask Patroni alone, as the control plane does."""
        (leader.root / "planned").touch()

        def ask() -> None:
            request = urllib.request.Request(
                f"http://{leader.address}:8008/switchover",
                data=json.dumps({"leader": leader.name}).encode(),
                headers={"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()

        await asyncio.to_thread(ask)


CLOSED = ("postgres", "holdfast_pooler", "holdfast_replicator")

QUICK_STOP = """\
#!/bin/sh
# Patroni looks whether PostgreSQL has stopped once a second; a planned stop should not wait for it.
[ -f {node}/planned ] || exit 0
rm -f {node}/planned
postmaster=$(head -n 1 {node}/data/postmaster.pid)
kill -INT $postmaster || exit 0
for round in $(seq 100); do [ -e {node}/data/postmaster.pid ] && sleep 0.01; done
for round in $(seq 50); do kill -0 $postmaster 2>/dev/null && sleep 0.01; done
exit 0
"""

POOL_LOGIN = """
CREATE FUNCTION holdfast.pool_login(name text) RETURNS TABLE (usename name, passwd text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$ SELECT rolname, rolpassword FROM pg_catalog.pg_authid WHERE rolname = $1 AND rolcanlogin $$
"""


async def until(
    question: Callable[[], Awaitable[bool]],
    what: str,
    deadline_s: float = 30,
    every_s: float = 0.05,
) -> None:
    """Ask until the answer is yes. Raises TimeoutError, naming what did not come."""
    end = time.monotonic() + deadline_s
    while not await question():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {deadline_s} s")
        await asyncio.sleep(every_s)


async def _exists(path: Path) -> bool:
    return path.exists()


def python() -> str:
    """An interpreter that the nodes' user may execute."""
    if os.geteuid() != 0:
        return sys.executable
    return f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"


def packages() -> str:
    """The folder with Patroni and its dependencies."""
    return sysconfig.get_path("purelib")


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(each) for each in (task / "children").read_text().split()]
    return found
