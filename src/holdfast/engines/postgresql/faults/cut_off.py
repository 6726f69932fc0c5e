"""Cut one node's Patroni off from etcd, by a proxy between the two that stops passing anything on.

On one machine all nodes run as one user on one network, so that no packet filter can tell them
apart. The proxy stands in the control plane: when that dies, nothing is passed on either, until
its successor gives Patroni its own configuration back.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Mapping

from ruamel.yaml import YAML

from holdfast.core.change import Json
from holdfast.core.errors import Error
from holdfast.core.layout import ETCD_CLIENT_PORT
from holdfast.engines.postgresql.faults import CannotCause, Performer, Scene, targets
from holdfast.engines.postgresql.observe_node import in_service, observe_member
from holdfast.engines.postgresql.perform.waiting import until
from holdfast.engines.postgresql.postmaster import identified
from holdfast.engines.postgresql.render_programs import programs

_HERE = "127.0.0.1"
"""An address that etcd's certificates are good for, beside each member's own."""
_STARTS_WITHIN_S = 30.0
_CHUNK_BYTES = 65536


class _Proxy:
    """Passes bytes between local ports and etcd's members, until it is cut."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def listen(self, address: str) -> int:
        """Listen for one member; the port."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.add(writer)
            with contextlib.suppress(OSError):
                await self._open.wait()
                far_reader, far_writer = await asyncio.open_connection(address, ETCD_CLIENT_PORT)
                self._writers.add(far_writer)
                await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

        server = await asyncio.start_server(accept, _HERE, 0)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while content := await reader.read(_CHUNK_BYTES):
                await self._open.wait()
                writer.write(content)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        """Pass nothing on any more, and close nothing: that is what a lost network looks like."""
        self._open.clear()

    async def close(self) -> None:
        """Hang up everywhere."""
        for server in self._servers:
            server.close()
        for writer in self._writers:
            writer.transport.abort()


class CutOff(Performer):
    """Patroni is started anew with the proxies as its members of etcd, and then cut off."""

    def __init__(self) -> None:
        self._proxies: dict[str, _Proxy] = {}

    async def aim(self, scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
        """The node that leads, and where its own configuration is kept meanwhile."""
        leader = await targets.leader(scene)
        file = str(leader.paths.conf / "patroni.yml")
        if await scene.doors.host.stat(file) is None:
            raise CannotCause(f"{leader.name} has no configuration at {file}")
        return {"node": leader.name, "file": file, "kept": f"{file}.{scene.mark}"}

    async def inject(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Put the proxies between, see that all goes on, and cut."""
        proxy = self._proxies[scene.mark] = _Proxy()
        ports = [await proxy.listen(each) for each in scene.cluster.site.etcd_addresses]
        own = await scene.doors.host.read(aim["file"])
        assert own is not None
        await _put(scene, aim["file"], aim["kept"], own)
        await _put(scene, aim["file"], aim["file"], _through(own, ports))
        await self._start_anew(scene, aim)
        node = scene.node(aim["node"])

        async def outstanding() -> str:
            member = await observe_member(node, scene.doors)
            return "" if member.role == "leader" and in_service(member) else member.state

        await until(
            outstanding, scene.doors, deadline_s=_STARTS_WITHIN_S, what=f"Patroni of {node.name}"
        )
        proxy.cut()

    async def facts(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """Who took writes while it lasted: never two."""
        writers = []
        for node in scene.cluster.nodes:
            with contextlib.suppress(Error):
                async with scene.doors.connect(node) as connection:
                    cursor = await connection.execute("select pg_catalog.pg_is_in_recovery()")
                    row = await cursor.fetchone()
                    if row and not row[0]:
                        writers.append(node.name)
        return {"take_writes": writers}

    async def undo(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Give the configuration back, and start Patroni with it."""
        kept = await scene.doors.host.read(aim["kept"])
        if kept is not None:
            await _put(scene, aim["kept"], aim["file"], kept)
            await self._start_anew(scene, aim)
            await scene.doors.host.remove(aim["kept"])
        if proxy := self._proxies.pop(scene.mark, None):
            await proxy.close()

    async def _start_anew(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """End Patroni without a word, so that it leaves its server be; its supervisor starts it."""
        name = programs(scene.cluster, scene.node(aim["node"]))["patroni"].name
        status = (await scene.doors.host.services.status()).get(name)
        process = await identified(status.pid, scene.doors.host) if status and status.pid else None
        if process is not None:
            user = scene.cluster.site.os_user
            await targets.send("KILL", [process], scene.doors.host, user=user)


async def _put(scene: Scene, like: str, path: str, content: bytes) -> None:
    """Write a file with the mode and the owner of another one."""
    found = await scene.doors.host.stat(like)
    assert found is not None
    await scene.doors.host.write(path, content, mode=found.mode, owner=found.owner)


def _through(own: bytes, ports: list[int]) -> bytes:
    """The same configuration, with other members of etcd and no search for more of them."""
    yaml = YAML(typ="safe", pure=True)
    document = yaml.load(own.decode())
    document["etcd3"] |= {"hosts": [f"{_HERE}:{port}" for port in ports], "use_proxies": True}
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue().encode()


PERFORMER = CutOff()
