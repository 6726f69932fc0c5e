"""The evidence ledger: what proofs saw and what was done. `append` is the only way in.

Leaves are only ever added. The one row of `evidence_tree` holds what the next append needs, and its
lock, held to the end of the transaction, puts appends in order; a caller therefore appends last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.core.errors import Bug, NotFound
from holdfast.core.promise import Evidence, Verdict
from holdfast.evidence import leaf, tree
from holdfast.evidence.leaf import Record
from holdfast.evidence.tree import HASH_BYTES, Node, Span
from holdfast.recovery.restore_test import KIND as RESTORE_TEST
from holdfast.store import tables
from holdfast.store.connection import APPENDED, SEAL, Seal, no_seal

_leaf = tables.evidence_leaf
_PROOFS = 1000
"""With a test a day, those of three years."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf as it is kept; `content` is what its hash is of."""

    seq: int
    content: str

    @property
    def record(self) -> Record:
        """What it says. Raises ValueError where somebody wrote what is no leaf."""
        return leaf.record(self.content)[1]


@dataclass(frozen=True, slots=True)
class Tree:
    """The tree at a moment; `log` is the id that this ledger was born with."""

    log: str
    size: int
    root: bytes


# -- writing -----------------------------------------------------------------------------------


async def append(connection: AsyncConnection, records: Sequence[Record]) -> int:
    """Add what is not there yet, in this order; how many that were. The caller's transaction.

    A record whose id is in the ledger already adds nothing, so a step may be done over.
    """
    log, size, peaks = await _locked(connection)
    known = await _known(connection, [each.id for each in records])
    seal = connection.info.get(SEAL, no_seal)
    rows = []
    for record in records:
        if record.id in known:
            continue
        known.add(record.id)
        text = leaf.content(size, record)
        hashes = tree.completed(size, peaks, tree.leaf_hash(text.encode()))
        rows.append(_row(size, text, hashes) | {"seal": seal(hashes[0])})
        size, peaks = size + 1, tree.grown(peaks, hashes)
    if not rows:
        return 0
    await connection.execute(sa.insert(_leaf), rows)
    await connection.execute(
        sa.update(tables.evidence_tree)
        .where(tables.evidence_tree.c.log == log)
        .values(size=size, peaks=b"".join(peaks))
    )
    connection.info[APPENDED] = True
    return len(rows)


async def add(
    connection: AsyncConnection, proof: Evidence, *, operation_id: str = "", actor: str = ""
) -> None:
    """Record a proof; a second record under the same id changes nothing."""
    fact = Record(
        id=proof.id,
        kind=proof.kind,
        at=proof.at,
        database=proof.database,
        verdict=str(proof.verdict),
        actor=actor,
        operation_id=operation_id,
        measured=proof.measured,
        reasons=proof.reasons,
    )
    await append(connection, [fact])


async def _locked(connection: AsyncConnection) -> tuple[str, int, tuple[bytes, ...]]:
    query = sa.select(tables.evidence_tree).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise Bug("the ledger's tree is gone from the control database")
    return row.log, row.size, _parts(row.peaks)


async def _known(connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
    query = sa.select(_leaf.c.id).where(_leaf.c.id == sa.any_(sa.cast(ids, sa.ARRAY(sa.Text))))
    return set((await connection.execute(query)).scalars())


def _row(seq: int, text: str, hashes: Sequence[bytes]) -> dict[str, object]:
    # From the text and not from the record, so that both say the same to the last character.
    _, kept = leaf.record(text)
    return {
        "seq": seq,
        "id": kept.id,
        "kind": kept.kind,
        "database": kept.database,
        "at": kept.at,
        "verdict": kept.verdict,
        "content": text,
        "hashes": b"".join(hashes),
    }


def _parts(hashes: bytes) -> tuple[bytes, ...]:
    return tuple(hashes[k : k + HASH_BYTES] for k in range(0, len(hashes), HASH_BYTES))


# -- reading -----------------------------------------------------------------------------------


async def latest(
    connection: AsyncConnection, database: str, *, since: datetime
) -> dict[str, Evidence]:
    """The newest proof of each kind for one database.

    `since` is when the database was created: an earlier one of the same name proves nothing
    about it.
    """
    query = (
        sa.select(_leaf.c.seq, _leaf.c.content)
        .where(_leaf.c.database == database, _leaf.c.at >= since, _leaf.c.verdict != "")
        .ext(distinct_on(_leaf.c.kind))
        .order_by(_leaf.c.kind, _leaf.c.at.desc(), _leaf.c.seq.desc())
    )
    found = [_evidence(Leaf(*row)) for row in await connection.execute(query)]
    return {each.kind: each for each in found}


async def history(
    connection: AsyncConnection, database: str, kind: str, *, limit: int = 50
) -> tuple[Evidence, ...]:
    """The proofs of one kind, newest first."""
    query = (
        sa.select(_leaf.c.seq, _leaf.c.content)
        .where(_leaf.c.database == database, _leaf.c.kind == kind, _leaf.c.verdict != "")
        .order_by(_leaf.c.at.desc(), _leaf.c.seq.desc())
        .limit(limit)
    )
    return tuple(_evidence(Leaf(*row)) for row in await connection.execute(query))


async def proven_backups(connection: AsyncConnection, database: str) -> dict[str, Evidence]:
    """The newest proof of each backup of which a restore was proven, by the backup's label."""
    found = await history(connection, database, RESTORE_TEST, limit=_PROOFS)
    proven = [each for each in reversed(found) if each.verdict is Verdict.PROVEN]
    return {str(each.measured["backup"]): each for each in proven if each.measured.get("backup")}


def _evidence(kept: Leaf) -> Evidence:
    said = kept.record
    return Evidence(
        id=said.id,
        kind=said.kind,
        database=said.database,
        at=said.at,
        verdict=Verdict(said.verdict),
        measured=said.measured,
        reasons=said.reasons,
    )


async def leaves(
    connection: AsyncConnection,
    *,
    database: str | None = None,
    kind: str | None = None,
    limit: int = 50,
) -> tuple[Leaf, ...]:
    """Leaves, newest first."""
    query = sa.select(_leaf.c.seq, _leaf.c.content).order_by(_leaf.c.seq.desc()).limit(limit)
    if database is not None:
        query = query.where(_leaf.c.database == database)
    if kind is not None:
        query = query.where(_leaf.c.kind == kind)
    return tuple(Leaf(*row) for row in await connection.execute(query))


async def get(connection: AsyncConnection, which: str) -> Leaf:
    """One leaf by its id or its number. Raises `NotFound`."""
    named = _leaf.c.seq == int(which) if which.isdecimal() else _leaf.c.id == which
    query = sa.select(_leaf.c.seq, _leaf.c.content).where(named)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no evidence {which!r}",
            subject=f"evidence {which}",
            hint="list it with `holdfast evidence list`",
        )
    return Leaf(*row)


async def stretch(connection: AsyncConnection, span: Span) -> tuple[Leaf, ...]:
    """The leaves of a span in their order."""
    query = (
        sa.select(_leaf.c.seq, _leaf.c.content)
        .where(_leaf.c.seq >= span.begin, _leaf.c.seq < span.end)
        .order_by(_leaf.c.seq)
    )
    return tuple(Leaf(*row) for row in await connection.execute(query))


async def between(
    connection: AsyncConnection, begin: datetime | None, end: datetime | None, size: int
) -> Span:
    """The shortest span of the first `size` leaves that holds all from `begin` to `end`."""
    query = sa.select(sa.func.min(_leaf.c.seq), sa.func.max(_leaf.c.seq)).where(_leaf.c.seq < size)
    if begin is not None:
        query = query.where(_leaf.c.at >= begin)
    if end is not None:
        query = query.where(_leaf.c.at <= end)
    first, last = (await connection.execute(query)).one()
    return Span(0, 0) if first is None else Span(first, last + 1)


async def now(connection: AsyncConnection) -> Tree:
    """The tree as this transaction sees it."""
    row = (await connection.execute(sa.select(tables.evidence_tree))).one_or_none()
    if row is None:
        raise Bug("the ledger's tree is gone from the control database")
    return Tree(row.log, row.size, tree.root(_parts(row.peaks)))


async def hashes(connection: AsyncConnection, spans: Iterable[Span]) -> tuple[bytes, ...]:
    """The hash of each span, from O(log n) rows."""
    wanted = list(spans)
    nodes = {node for span in wanted for node in tree.nodes(span)}
    kept = await _nodes(connection, nodes)

    def lookup(node: Node) -> bytes:
        parts = kept.get(node.completed_by, ())
        if node.level >= len(parts):
            raise NotFound(
                f"leaf {node.completed_by} is gone from the ledger, or what was kept with it",
                subject="evidence",
                hint="see what happened to it with `holdfast evidence verify`",
            )
        return parts[node.level]

    return tuple(tree.span_hash(span, lookup) for span in wanted)


async def _nodes(
    connection: AsyncConnection, nodes: Iterable[Node]
) -> Mapping[int, tuple[bytes, ...]]:
    wanted = sorted({node.completed_by for node in nodes})
    query = sa.select(_leaf.c.seq, _leaf.c.hashes).where(
        _leaf.c.seq == sa.any_(sa.cast(wanted, sa.ARRAY(sa.BigInteger)))
    )
    return {row.seq: _parts(row.hashes) for row in await connection.execute(query)}


async def unsealed(connection: AsyncConnection, span: Span, seal: Seal) -> int | None:
    """The first leaf of a span that does not bear this seal over its own text."""
    query = (
        sa.select(_leaf.c.seq, _leaf.c.content, _leaf.c.seal)
        .where(_leaf.c.seq >= span.begin, _leaf.c.seq < span.end)
        .order_by(_leaf.c.seq)
    )
    for row in await connection.execute(query):
        if row.seal != seal(tree.leaf_hash(row.content.encode())):
            return int(row.seq)
    return None
