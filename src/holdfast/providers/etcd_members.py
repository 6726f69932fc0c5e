"""The site's etcd: three members with TLS on every hop, and users."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from holdfast.core.errors import Error, NotFound, TimedOut, Transient
from holdfast.core.layout import ETCD_CLIENT_PORT, ETCD_PEER_PORT, Site
from holdfast.providers import pki
from holdfast.providers.authority import SiteAuthority
from holdfast.system.etcd import Credentials, EtcdClient, MemberHealth
from holdfast.system.files import make_folder, remove_path
from holdfast.system.host import Priority, Program
from holdfast.system.local_host import PATH
from holdfast.system.supervisor import put_file
from holdfast.system.tls import Identity

ROOT = "root"
MEMBERS = (1, 2, 3)
_POLL_S = 0.1

_CONFIGURATION = """\
# Written by holdfast at every start.
name: {name}
data-dir: {folder}/data
listen-client-urls: https://{address}:{client_port}
advertise-client-urls: https://{address}:{client_port}
listen-peer-urls: https://{address}:{peer_port}
initial-advertise-peer-urls: https://{address}:{peer_port}
initial-cluster: {cluster}
initial-cluster-token: holdfast-{site}
initial-cluster-state: {state}
client-transport-security:
  cert-file: {folder}/pki/member.crt
  key-file: {folder}/pki/member.key
  trusted-ca-file: {ca}
  client-cert-auth: true
peer-transport-security:
  cert-file: {folder}/pki/member.crt
  key-file: {folder}/pki/member.key
  trusted-ca-file: {ca}
  client-cert-auth: true
heartbeat-interval: 100
election-timeout: 1000
# Patroni and the agents keep few, small keys: an hour of history and 512 MiB are plenty.
auto-compaction-mode: periodic
auto-compaction-retention: 1h
quota-backend-bytes: 536870912
enable-v2: false
# On by default among the flags, off by default in a file.
enable-grpc-gateway: true
logger: zap
log-level: warn
log-outputs: [stderr]
"""


def program_of(member: int) -> str:
    """How the member's supervised program is called."""
    return f"etcd-{member}"


def binary() -> str:
    """The path of `etcd`. Raises `NotFound`."""
    found = shutil.which("etcd", path=f"{os.environ.get('PATH', '')}{os.pathsep}{PATH}")
    if found is None:
        raise NotFound(
            "etcd is not installed", subject="etcd", hint="install etcd-server (Debian) or etcd"
        )
    return found


def lost(site: Site) -> tuple[int, ...]:
    """Members whose data are gone although the cluster was complete once."""
    if not _complete(site).exists():
        return ()
    return tuple(member for member in MEMBERS if not _has_data(site, member))


def prepare(site: Site, authority: SiteAuthority) -> None:
    """Folders, certificates and configuration of all members."""
    make_folder(Path(site.home) / "etcd", 0o711)
    for member in MEMBERS:
        folder = Path(site.etcd(member))
        for path in (folder, folder / "data", folder / "pki"):
            if not path.exists():
                make_folder(path, 0o700, site.os_user)
    certify(site, authority)
    _configure(site)


def certify(site: Site, authority: SiteAuthority) -> dict[str, str]:
    """Issue those of the members' certificates that are due. Gives the reason of each by its path.

    Members read them at every handshake, so none has to be told.
    """
    found: dict[str, str] = {}
    for member, address in zip(MEMBERS, site.etcd_addresses, strict=True):
        folder = Path(site.etcd(member)) / "pki"
        # For servers and clients: members are each other's clients, and so is the JSON gateway.
        reason = authority.ensure_pair(
            folder / "member.crt",
            folder / "member.key",
            # Members check where a peer comes from, and on loopback the kernel lets every
            # connection come from 127.0.0.1.
            pki.Request(program_of(member), (address, "127.0.0.1")),
            owner=site.os_user,
        )
        if reason is not None:
            found[str(folder / "member.crt")] = reason
    return found


async def readmit(site: Site, client: EtcdClient, member: int, *, timeout_s: float = 30.0) -> None:
    """Have the others expect a blank member in the place of one whose data are gone.

    The member must not run; it may start afterwards. Raises `Transient` when the others do not
    agree in time: it takes them seconds to trust each other after they have started themselves.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            await client.replace_member(_peer_url(site, member))
            break
        except Transient:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_POLL_S)
    # What is left of its data belongs to the member that it was.
    for path in Path(site.etcd(member) / "data").iterdir():
        remove_path(path)
    _configure(site, expected=member)


def note_complete(site: Site) -> None:
    """Remember that all members had data: from now on, one without has lost them.

    Such a member must not simply start: it would vote under the name of one that has promised to
    remember, and end in a panic at best.
    """
    if all(_has_data(site, member) for member in MEMBERS):
        put_file(_complete(site), b"")
        _configure(site)


def begin_anew(site: Site) -> None:
    """Forget that there ever was a cluster. Only right when no member has data."""
    remove_path(_complete(site))


def program(site: Site, member: int) -> Program:
    """The supervised member."""
    return Program(
        name=program_of(member),
        argv=(binary(), f"--config-file={_configuration_file(site, member)}"),
        user=site.os_user,
        folder=str(site.etcd(member)),
        priority=Priority.ETCD,
    )


async def wait_healthy(client: EtcdClient, *, timeout_s: float = 30.0) -> list[MemberHealth]:
    """Wait until all members are well, or most of them once half of the time is over.

    Raises `TimedOut` when there is no quorum in time.
    """
    start = time.monotonic()
    while True:
        members = await client.members()
        healthy = sum(member.healthy for member in members)
        waited_s = time.monotonic() - start
        if healthy == len(members) or (healthy * 2 > len(members) and waited_s > timeout_s / 2):
            return members
        if waited_s > timeout_s:
            why = "; ".join(member.detail for member in members if not member.healthy)
            raise TimedOut(
                f"etcd did not come up within {timeout_s:g} s: {healthy} of {len(members)} "
                f"members are healthy ({why})",
                subject="etcd",
                hint="look into the logs in the home's supervisor/state folder",
            )
        await asyncio.sleep(_POLL_S)


async def secure(site: Site, identity: Identity, credentials: Credentials) -> bool:
    """Make the root user and demand users from now on. False when that was done already."""
    async with EtcdClient(site.etcd_endpoints, identity, timeout_s=5.0) as nobody:
        try:
            await nobody.get("/")
        except Error as error:
            if "user name is empty" in error.message:
                return False
            raise
    async with EtcdClient(
        site.etcd_endpoints, identity, credentials=credentials, timeout_s=5.0
    ) as client:
        await client.ensure_role(ROOT)
        await client.ensure_user(credentials.user, credentials.password, [ROOT])
        await client.enable_auth()
    return True


def _configuration_file(site: Site, member: int) -> str:
    # Beside the member's folder, not inside: the member may read it and not change it.
    return str(site.home / "etcd" / f"{member}.yml")


def _complete(site: Site) -> Path:
    return Path(site.home / "etcd" / "complete")


def _has_data(site: Site, member: int) -> bool:
    return any(Path(site.etcd(member) / "data/member/wal").glob("*.wal"))


def _peer_url(site: Site, member: int) -> str:
    return f"https://{site.etcd_addresses[member - 1]}:{ETCD_PEER_PORT}"


def _configure(site: Site, expected: int | None = None) -> None:
    """Write the members' files; `expected` may join a complete cluster without any data.

    What they say of the cluster counts for members without data only. Of a complete cluster it is
    wrong on purpose: etcd then refuses to start without data.
    """
    complete = _complete(site).exists()
    for member in MEMBERS:
        state = "existing" if complete else "new"
        peers = (member,) if complete and member != expected else MEMBERS
        text = _configuration(site, member, state, peers)
        put_file(Path(_configuration_file(site, member)), text, 0o644)


def _configuration(site: Site, member: int, state: str, peers: Sequence[int]) -> bytes:
    return _CONFIGURATION.format(
        state=state,
        name=program_of(member),
        folder=site.etcd(member),
        address=site.etcd_addresses[member - 1],
        client_port=ETCD_CLIENT_PORT,
        peer_port=ETCD_PEER_PORT,
        cluster=",".join(f"{program_of(peer)}={_peer_url(site, peer)}" for peer in peers),
        site=site.id,
        ca=site.ca_certificate,
    ).encode()
