"""The platform under test: a home of its own, brought up for the benchmarks and removed again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.app.wiring import RealPlatform, real_platform
from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.doors import Doors
from holdfast.providers.settings import Settings
from holdfast.workflows.planning import doors, stored_cluster

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "examples" / "orders.yaml"
DATABASE = "orders"
COMMAND = Path(sys.executable).parent / "holdfast"

_MARK = ".holdfast-benchmark"
"""Stands in a folder that is ours to remove."""


@dataclass(frozen=True, slots=True)
class Place:
    """`folder` holds the platform's home and what the compared programs need."""

    folder: Path

    @property
    def home(self) -> Path:
        """HOLDFAST_HOME."""
        return self.folder / "home"

    @property
    def settings(self) -> Settings:
        """The settings that the command line has here."""
        return Settings(self.home)

    async def holdfast(self, *arguments: str, timeout_s: float = 300.0) -> str:
        """Run a `holdfast` command and return its output. Raises `Error` when it fails."""
        environment = os.environ | {"HOLDFAST_HOME": str(self.home)}
        return await run([str(COMMAND), *arguments], env=environment, timeout_s=timeout_s)

    async def json(self, *arguments: str) -> Any:
        """What a command prints with `-o json`."""
        return json.loads(await self.holdfast(*arguments, "-o", "json"))

    async def apply(self) -> None:
        """Have the database, if it is not there yet."""
        await self.holdfast("apply", str(DOCUMENT), "--yes")

    async def delete(self) -> None:
        """Remove the database and everything of it."""
        await self.holdfast("delete", DATABASE, "--purge", "--yes")

    async def dsn(self, *options: str) -> str:
        """A libpq URI as `holdfast connect` prints it."""
        return (await self.holdfast("connect", DATABASE, "--dsn", *options)).strip()


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """The platform, up; down and removed at the end, whatever happens in between."""
    _refuse_others(folder)
    found = Place(folder)
    if folder.exists():
        await _remove(found)
    folder.mkdir(parents=True)
    # The data plane's user passes through on its way to what is its own.
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    (folder / _MARK).touch()
    try:
        await found.holdfast("up")
        yield found
    finally:
        removing = asyncio.ensure_future(_remove(found))
        while not removing.done():
            # Ctrl-C twice must not leave servers behind.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(removing)
        removing.result()


@asynccontextmanager
async def engine(at: Place) -> AsyncIterator[tuple[RealPlatform, Cluster, Doors]]:
    """The platform's own doors to the database, for causing faults and reading back."""
    platform = await real_platform(at.settings)
    try:
        yield platform, await stored_cluster(platform, DATABASE), doors(platform)
    finally:
        await platform.etcd.close()
        await platform.patroni.close()
        await platform.store.close()


async def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
) -> str:
    """Run a program and return its output; a cancelled one is killed. Raises `Error`."""
    # A session of its own: Ctrl-C is for us, and we end the program.
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = errors.decode(errors="replace").strip()[-2000:]
        raise Error(f"{' '.join(argv[:3])} failed with {process.returncode}: {said}")
    return output.decode()


def _refuse_others(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise Error(
            f"{folder} is there and was not made by the benchmarks",
            hint="choose another folder with --home",
        )


async def _remove(found: Place) -> None:
    if (found.home / "site.json").exists():
        await found.holdfast("down")
    shutil.rmtree(found.folder)
