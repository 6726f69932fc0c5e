"""The evidence ledger: a million leaves, in a database of its own on the control server."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import psycopg

from benchmark.options import Options
from benchmark.place import Place
from holdfast.app import evidence as app
from holdfast.app.evidence_heads import Keeper
from holdfast.core.layout import Site
from holdfast.evidence.leaf import Record
from holdfast.providers.doors import open_site
from holdfast.providers.evidence_files import Signer, heads_file, key_file
from holdfast.store import Store, evidence
from holdfast.store.schema import migrate
from holdfast.system.clock import SystemClock

_NAME = "holdfast_benchmark"
_BATCH = 500
_SINGLE_S = 10.0
_WRITERS = 4
_PROOFS = 500
_HEAD_EVERY = 20_000
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


async def measure(at: Place, options: Options) -> AsyncIterator[dict[str, Any]]:
    """Appends in batches up to the full size, then alone; proofs; one check of everything."""
    async with _ledger(at) as ledger:
        async for run in _batches(ledger, options.leaves):
            yield run
        yield {"what": "single", "writers": 1, **await _singles(ledger, 1, options)}
        yield {"what": "single", "writers": _WRITERS, **await _singles(ledger, _WRITERS, options)}
        await ledger.keeper.sign()
        yield {"what": "proof", **await _proofs(ledger)}
        for number in range(1, min(3, options.runs) + 1):
            begun = time.monotonic()
            audited = await app.verify(ledger.control)
            assert audited.report.is_whole, audited.report.findings[:3]
            yield {
                "what": "verify",
                "round": number,
                "leaves": audited.report.leaves,
                "seconds": round(time.monotonic() - begun, 3),
            }


class _Ledger:
    def __init__(self, url: str, home: Path) -> None:
        signer = Signer(Signer.new_secret())
        self.store = Store(url, seal=signer.seal)
        # The heads of this log are not those of the site.
        folder = home / "benchmark-ledger"
        (folder / "evidence").mkdir(parents=True)
        self.site = Site(PurePosixPath(folder), "benchmark", "127.0.0", "nobody")
        self.clock = SystemClock()
        signer.publish(Path(key_file(self.site)))
        self.keeper = Keeper(self.store, self.clock, heads_file(self.site), signer)
        self.control: Any = SimpleNamespace(platform=self)
        self.size = 0

    def facts(self, count: int) -> list[Record]:
        """What a backup leaves, about 600 bytes."""
        found = [_fact(self.size + n) for n in range(count)]
        self.size += count
        return found

    async def append(self, records: list[Record]) -> None:
        async with self.store.begin() as connection:
            await evidence.append(connection, records)


def _fact(number: int) -> Record:
    return Record(
        id=f"op-{number:09d}",
        kind="backup",
        at=_BEGIN + timedelta(seconds=number),
        database=f"database_{number % 500}",
        actor="scheduler",
        operation_id=f"op-{number:09d}",
        measured={
            "state": "succeeded",
            "request": {"kind": "incr"},
            "attempts": 1,
            "took_s": 2.125,
            "outcome": {
                "label": "20260301-010000F_20260301-050000I",
                "kind": "incr",
                "size_bytes": 31_457_280 + number,
                "stored_bytes": 1_048_576,
                "took_s": 1.75,
            },
        },
    )


@asynccontextmanager
async def _ledger(at: Place) -> AsyncIterator[_Ledger]:
    """A database beside the control database, and the same server under the same settings."""
    url = open_site(at.settings).database_url
    own = urlsplit(url)._replace(path=f"/{_NAME}").geturl()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {_NAME}")
    await migrate(own)
    ledger = _Ledger(own, at.home)
    try:
        yield ledger
    finally:
        await ledger.store.close()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {_NAME} WITH (FORCE)")


async def _batches(ledger: _Ledger, leaves: int) -> AsyncIterator[dict[str, Any]]:
    """One run for each tenth of the way."""
    tenth = max(_BATCH, leaves // 10)
    for end in range(tenth, leaves + 1, tenth):
        begun, first = time.monotonic(), ledger.size
        for batch in _portions(end - first):
            await ledger.append(ledger.facts(batch))
            if ledger.size % _HEAD_EVERY < _BATCH:
                await ledger.keeper.sign()
        seconds = time.monotonic() - begun
        yield {
            "what": "batch",
            "batch": _BATCH,
            "size": ledger.size,
            "per_s": round((ledger.size - first) / seconds, 1),
        }


def _portions(count: int) -> Iterator[int]:
    while count > 0:
        yield min(_BATCH, count)
        count -= _BATCH


async def _singles(ledger: _Ledger, writers: int, options: Options) -> dict[str, Any]:
    """Each append a transaction of its own, committed to disk."""
    end = time.monotonic() + min(_SINGLE_S, options.seconds)
    begun = time.monotonic()
    taken_s: list[float] = []

    async def write() -> None:
        while time.monotonic() < end:
            (fact,) = ledger.facts(1)
            started = time.monotonic()
            await ledger.append([fact])
            taken_s.append(time.monotonic() - started)

    await asyncio.gather(*(write() for _ in range(writers)))
    return {
        "per_s": round(len(taken_s) / (time.monotonic() - begun), 1),
        "ms": round(1000 * sorted(taken_s)[len(taken_s) // 2], 3),
    }


async def _proofs(ledger: _Ledger) -> dict[str, Any]:
    """Inclusion proofs of leaves by chance, each with the leaf itself."""
    chance = random.Random(1)
    taken_ms: list[float] = []
    for _ in range(_PROOFS):
        which = str(chance.randrange(ledger.size))
        begun = time.monotonic()
        shown = await app.show(ledger.control, which)
        taken_ms.append(1000 * (time.monotonic() - begun))
        assert shown.path
    taken_ms.sort()
    return {
        "leaves": ledger.size,
        "ms": round(taken_ms[len(taken_ms) // 2], 3),
        "p99_ms": round(taken_ms[len(taken_ms) * 99 // 100], 3),
    }
