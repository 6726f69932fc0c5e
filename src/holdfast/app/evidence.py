"""The evidence ledger for its readers: list, show with a proof, verify, export."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from holdfast.app.wiring import Control
from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Invalid, NotFound
from holdfast.evidence import audit, tree
from holdfast.evidence.audit import Report
from holdfast.evidence.head import SignedHead, fingerprint
from holdfast.evidence.tree import Span
from holdfast.providers.evidence_files import heads_file, public_key
from holdfast.store import Connection, evidence, evidence_heads
from holdfast.store.evidence import Leaf
from holdfast.store.evidence_audit import snapshot

FORMAT = "holdfast-evidence/1"
MOST_LEAVES = 100_000
_MOST_HEADS = 500


@dataclass(frozen=True, slots=True)
class Proven:
    """A leaf with its proof: the hashes of the inclusion path in the tree of a signed head.

    `head` is None, and the path empty, while no head covers the leaf yet.
    """

    leaf: Leaf
    head: SignedHead | None
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Audited:
    """What `verify` found, and under which key."""

    report: Report
    fingerprint: str


async def recent(
    control: Control, *, database: str | None, kind: str | None, limit: int
) -> tuple[Leaf, ...]:
    """Leaves, newest first."""
    async with control.platform.store.begin() as connection:
        return await evidence.leaves(connection, database=database, kind=kind, limit=limit)


async def show(control: Control, which: str) -> Proven:
    """One leaf, by its id or its number, with its inclusion proof. Raises `NotFound`."""
    async with control.platform.store.begin() as connection:
        leaf = await evidence.get(connection, which)
        last = await evidence_heads.last(connection)
        if last is None or last.head.size <= leaf.seq:
            return Proven(leaf, None, ())
        spans = tree.inclusion(leaf.seq, last.head.size)
        return Proven(leaf, last, await evidence.hashes(connection, spans))


async def verify(control: Control) -> Audited:
    """Look at every leaf and every head, in the database and in the heads file."""
    platform = control.platform
    now = platform.clock.now()

    def work() -> Audited:
        key = public_key(platform.site)
        # The file first: what is in it by then is in every later snapshot, or was taken out.
        try:
            filed: Sequence[SignedHead] = heads_file(platform.site).read()
        except ValueError as error:
            filed, unreadable = (), str(error)
        else:
            unreadable = ""
        with snapshot(platform.store.url) as (kept, rows):
            report = audit.audit(rows, kept, filed, key, now, platform.store.seal)
        if unreadable:
            report.add("file", "heads file", f"it cannot be read: {unreadable}")
        return Audited(report, fingerprint(key) if key else "")

    return await asyncio.to_thread(work)


async def bundle(
    control: Control, *, begin: datetime | None, end: datetime | None, with_head: int | None
) -> dict[str, Json]:
    """Leaves of a time with everything that somebody needs who trusts the key alone.

    `with_head` is the number of a head to prove consistency with. Raises `NotFound` without any
    leaf in that time, `Conflict` before the first head, `Invalid` for too many leaves.
    """
    key = public_key(control.platform.site)
    async with control.platform.store.begin() as connection:
        heads = await evidence_heads.after(connection, -1)
        if not heads or key is None:
            raise Conflict(
                "the ledger has no signed head yet",
                subject="evidence",
                hint="wait a few seconds, then try again",
            )
        last = heads[-1].head
        span = await evidence.between(connection, begin, end, last.size)
        _check(span)
        chosen = _chosen(heads, begin, end, with_head)
        return {
            "format": FORMAT,
            "key": key.hex(),
            "heads": [{"head": each.text, "signature": each.signature.hex()} for each in chosen],
            "consistency": [
                _hex(await _consistency(connection, old.head.size, new.head.size))
                for old, new in pairwise(chosen)
            ],
            "begin": span.begin,
            "leaves": [each.content for each in await evidence.stretch(connection, span)],
            "proof": _hex(await evidence.hashes(connection, tree.stretch(span, last.size))),
        }


def _check(span: Span) -> None:
    count = span.end - span.begin
    if count == 0:
        raise NotFound(
            "there is no evidence of that time",
            subject="evidence",
            hint="see what there is with `holdfast evidence list`",
        )
    if count > MOST_LEAVES:
        raise Invalid(
            f"these are {count:,} leaves; a bundle holds {MOST_LEAVES:,}",
            hint="export a shorter time, several times",
        )


async def _consistency(connection: Connection, old: int, new: int) -> tuple[bytes, ...]:
    # The empty tree is the beginning of every other; the RFC has no proof for it.
    spans = tree.consistency(old, new) if old else ()
    return await evidence.hashes(connection, spans)


def _chosen(
    heads: Sequence[SignedHead],
    begin: datetime | None,
    end: datetime | None,
    with_head: int | None,
) -> list[SignedHead]:
    """The heads of that time, evenly thinned out, the newest of all, and the one asked for."""
    if with_head is not None and not 0 <= with_head < len(heads):
        raise NotFound(f"there is no head {with_head}; the newest is {len(heads) - 1}")
    places = [
        place
        for place, each in enumerate(heads)
        if (begin is None or each.head.at >= begin) and (end is None or each.head.at <= end)
    ]
    step = max(1, -(-len(places) // _MOST_HEADS))
    kept = {*places[::step], len(heads) - 1, *(() if with_head is None else (with_head,))}
    return [heads[place] for place in sorted(kept)]


def _hex(hashes: Sequence[bytes]) -> list[str]:
    return [each.hex() for each in hashes]
