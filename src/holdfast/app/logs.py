"""What the programs of a database's nodes wrote, without opening a shell on any of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.app.wiring import Control
from holdfast.core.errors import NotFound
from holdfast.core.layout import node_name
from holdfast.spec.model import ResolvedDatabase
from holdfast.store import databases
from holdfast.system.host import Host

_PROGRAM = re.compile(r"[a-z-]*[a-z]")


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of one log file."""

    node: str
    program: str
    file: str
    text: str


async def tails(
    control: Control, name: str, *, node: str | None, program: str | None, lines: int
) -> list[Tail]:
    """The last lines of the newest log of each program. Raises `NotFound`."""
    platform = control.platform
    async with platform.store.begin() as connection:
        record = await databases.get(connection, name)
    count = ResolvedDatabase.from_json(record.spec).nodes
    known = {node_name(name, ordinal): ordinal for ordinal in range(1, count + 1)}
    if node is not None and node not in known:
        raise NotFound(
            f"{name} has no node {node!r}",
            subject=f"database {name}",
            hint=f"choose one of {', '.join(known)}",
        )
    found: list[Tail] = []
    for each, ordinal in known.items():
        if node in (None, each):
            folder = str(platform.site.node(name, ordinal).log)
            found += await _tails(
                platform.host, platform.site.os_user, each, folder, program, lines
            )
    return found


async def _tails(
    host: Host, user: str, node: str, folder: str, program: str | None, lines: int
) -> list[Tail]:
    if await host.stat(folder) is None:
        return []
    # As the user of the folder, who may put a link to a file of root's there.
    listed = await host.run(["ls", "-1t", folder], user=user)
    files = newest(listed.text.splitlines())
    return [
        Tail(node, each, f"{folder}/{file}", await _end(host, user, f"{folder}/{file}", lines))
        for each, file in sorted(files.items())
        if program in (None, each)
    ]


def newest(files: Iterable[str]) -> dict[str, str]:
    """The newest log by program, from files in the order of their age, the newest first."""
    found: dict[str, str] = {}
    for file in files:
        match = _PROGRAM.match(file)
        if match is not None and ".log" in file:
            found.setdefault(match[0], file)
    return found


async def _end(host: Host, user: str, path: str, lines: int) -> str:
    return (await host.run(["tail", "-n", str(lines), path], user=user)).text
