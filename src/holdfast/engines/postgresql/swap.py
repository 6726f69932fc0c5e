"""Exchange the data of a whole cluster for those of a stage, and keep the former ones.

The cluster is stopped, its newest WAL archived, before anything moves. What moves is renamed on one
file system: it is in the one place or in the other, whenever somebody pulls the plug.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from holdfast.core.change import Json
from holdfast.core.errors import Error, NotFound
from holdfast.core.layout import etcd_prefix
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.perform.node import stop_node
from holdfast.engines.postgresql.stage import control

_STATE = ("leader", "status", "sync", "history", "failsafe", "failover", "optime/leader")
"""What Patroni remembers of the data that were there: it would hold it against the new ones."""

READ_BEFORE_BYTES = 50 * 2**30
"""Up to this size every page of the kept data is read before they are replaced, beyond it after:
at 500 MB/s it costs less than two minutes of the outage."""


def kept_folder(cluster: Cluster) -> PurePosixPath:
    """Where data stand that a restore in place has replaced."""
    return cluster.site.cluster(cluster.name) / "kept"


@dataclass(frozen=True, slots=True)
class Kept:
    """Data that were put aside by an operation; `ordinal` is the node that led."""

    operation: str
    ordinal: int
    about: dict[str, Json]
    folder: PurePosixPath

    @property
    def data(self) -> PurePosixPath:
        """The data folder of the node that led."""
        return self.folder / str(self.ordinal)


async def kept(cluster: Cluster, doors: Doors) -> list[Kept]:
    """What is kept, oldest first."""
    found = []
    root = kept_folder(cluster)
    for name in await doors.host.list(str(root)):
        content = await doors.host.read(str(root / name / "about.json"))
        if content is not None:
            about = json.loads(content)
            found.append(Kept(name, about["ordinal"], about, root / name))
    return sorted(found, key=lambda each: str(each.about["at"]))


async def newest_kept(cluster: Cluster, doors: Doors) -> Kept:
    """The data that the last restore in place has replaced. Raises `NotFound`."""
    found = await kept(cluster, doors)
    if not found:
        raise NotFound(
            f"nothing is kept of an earlier state of {cluster.name}",
            subject=f"database {cluster.name}",
            hint="restore it from a backup: holdfast restore --help",
        )
    return found[-1]


async def discard(each: Kept, doors: Doors) -> None:
    """Remove kept data for good."""
    await doors.host.remove(str(each.folder))


async def unplug(cluster: Cluster, ordinals: Iterable[int], doors: Doors) -> None:
    """Take the programs away, so that nothing starts while the data are exchanged."""
    for ordinal in ordinals:
        await stop_node(cluster, ordinal, doors)


async def put_aside(
    cluster: Cluster, ordinals: Iterable[int], ordinal: int, operation: str, about: Json,
    doors: Doors,
) -> None:  # fmt: skip
    """Keep the data of the node that led; of the others, too, where nobody did (`clean` false).

    A leader that was shut down cleanly has everything, so the replicas' copies go.
    """
    folder = kept_folder(cluster) / operation
    for made in (folder.parent, folder):
        await doors.host.make_folder(str(made), mode=0o700, owner=cluster.site.os_user)
    text = json.dumps({**about, "ordinal": ordinal}, indent=2).encode()
    await doors.host.write(str(folder / "about.json"), text, mode=0o600, owner=cluster.site.os_user)
    for each in ordinals:
        data = cluster.site.node(cluster.name, each).data
        if await doors.host.stat(str(data)) is None or await _is_replaced(folder, each, doors):
            continue
        if each == ordinal or not about["clean"]:
            await doors.host.run(["mv", "-T", str(data), str(folder / str(each))])
        else:
            await doors.host.remove(str(data))


async def _is_replaced(folder: PurePosixPath, ordinal: int, doors: Doors) -> bool:
    """Whether what stands in the node's place is no former data any more."""
    return await doors.host.stat(str(folder / str(ordinal))) is not None


async def give_back(cluster: Cluster, operation: str, doors: Doors) -> None:
    """Undo `put_aside` where nothing has taken the data's place yet."""
    folder = kept_folder(cluster) / operation
    for name in await doors.host.list(str(folder)):
        if not name.isdigit():
            continue
        data = cluster.site.node(cluster.name, int(name)).data
        if await doors.host.stat(str(data)) is None:
            await doors.host.run(["mv", "-T", str(folder / name), str(data)])
    if not any(name.isdigit() for name in await doors.host.list(str(folder))):
        await doors.host.remove(str(folder))


async def forget_state(cluster: Cluster, system: str, doors: Doors) -> None:
    """Have Patroni find a cluster that was never led, of this very system."""
    prefix = etcd_prefix(cluster.name)
    for name in _STATE:
        await doors.etcd.delete(prefix + name)
    for key in await doors.etcd.get_prefix(f"{prefix}members/"):
        await doors.etcd.delete(key)
    await claim(cluster, system, doors)


async def claim(cluster: Cluster, system: str, doors: Doors) -> None:
    """Say whose cluster this is, so that no node makes a new one."""
    key = f"{etcd_prefix(cluster.name)}initialize"
    for _ in range(5):
        present = await doors.etcd.get(key)
        if present is not None and present.value == system:
            return
        revision = present.mod_revision if present else 0
        if await doors.etcd.compare_and_put(key, system, mod_revision=revision):
            return
    raise Error(f"somebody else keeps writing {key} in etcd")


async def copy(each: Kept, cluster: Cluster, to: PurePosixPath, doors: Doors) -> None:
    """Copy kept data; without a copy of every block where the file system shares them."""
    await doors.host.remove(str(to))
    await doors.host.run(
        ["cp", "-a", "--reflink=auto", "-T", str(each.data), str(to)],
        user=cluster.site.os_user,
        timeout_s=24 * 3600.0,
    )


async def timeline_of(data: PurePosixPath, cluster: Cluster, doors: Doors) -> int:
    """The timeline of data at rest; a crash's end is looked for in their own WAL later."""
    found, is_clean = await control(
        data, cluster.installation.bindir, cluster.site.os_user, doors.host
    )
    if not is_clean:
        doors.note(f"the data in {data} were not shut down cleanly: they recover as from a crash")
    return found.timeline


async def read_every_page(data: PurePosixPath, cluster: Cluster, doors: Doors) -> str:
    """Why the data cannot be relied on, in a clause; empty when every page has its checksum."""
    done = await doors.host.run(
        [f"{cluster.installation.bindir}/pg_checksums", "--check", "-D", str(data)],
        user=cluster.site.os_user,
        env={"LC_ALL": "C"},
        timeout_s=24 * 3600.0,
        check=False,
    )
    said = " ".join(done.stderr.decode(errors="replace").split())
    if done.exit_code == 0 or "data checksums are not enabled" in said:
        return ""
    return said[-400:] or f"pg_checksums ended with {done.exit_code}"


async def size_bytes(data: PurePosixPath, cluster: Cluster, doors: Doors) -> int:
    """How large a folder is."""
    done = await doors.host.run(
        ["du", "--apparent-size", "-sb", str(data)], user=cluster.site.os_user, timeout_s=600.0,
        check=False,
    )  # fmt: skip
    size = done.text.split("\t")[0]
    return int(size) if size.isdigit() else 0


async def free_bytes(folder: PurePosixPath, doors: Doors) -> int:
    """What is free for the data plane on the file system of a folder."""
    done = await doors.host.run(["df", "--output=avail", "-B1", str(folder)], check=False)
    last = done.text.splitlines()[-1].strip() if done.text else ""
    return int(last) if last.isdigit() else 0
