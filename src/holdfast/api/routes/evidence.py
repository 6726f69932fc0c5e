"""The evidence ledger: leaves, proofs, the check of everything, a bundle to take away."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from holdfast.api.context import Name, Plane
from holdfast.app import evidence
from holdfast.core.render_findings import findings_json
from holdfast.store.evidence import Leaf

router = APIRouter(prefix="/v1/evidence", tags=["evidence"])


@router.get("")
async def get_evidence(
    plane: Plane,
    database: Name | None = None,
    kind: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> list[dict[str, Any]]:
    """Leaves of the ledger, newest first."""
    found = await evidence.recent(plane, database=database, kind=kind, limit=limit)
    return [_leaf(each) for each in found]


@router.get("/verification")
async def get_verification(plane: Plane) -> dict[str, Any]:
    """Look at every leaf and every head. Takes about half a minute for a million leaves."""
    audited = await evidence.verify(plane)
    report = audited.report
    return {
        "whole": report.is_whole,
        "leaves": report.leaves,
        "signed": report.signed,
        "heads": report.heads,
        "root": report.root.hex(),
        "key": audited.fingerprint,
        "findings": findings_json(report.findings),
        "counts": report.counts,
    }


@router.get("/bundle")
async def get_bundle(
    plane: Plane,
    begin: datetime | None = None,
    end: datetime | None = None,
    with_head: Annotated[int | None, Query(ge=0)] = None,
) -> dict[str, Any]:
    """The leaves of a time with signed heads and proofs, for `holdfast.evidence_check`."""
    return await evidence.bundle(plane, begin=begin, end=end, with_head=with_head)


@router.get("/leaves/{which}")
async def get_leaf(which: str, plane: Plane) -> dict[str, Any]:
    """One leaf, by its id or its number, with its inclusion proof in the newest signed tree."""
    found = await evidence.show(plane, which)
    head = found.head
    return {
        **_leaf(found.leaf),
        "content": found.leaf.content,
        "head": None if head is None else {"head": head.text, "signature": head.signature.hex()},
        "path": [each.hex() for each in found.path],
    }


def _leaf(leaf: Leaf) -> dict[str, Any]:
    said = leaf.record
    return {
        "seq": leaf.seq,
        "id": said.id,
        "kind": said.kind,
        "at": said.at,
        "database": said.database,
        "verdict": said.verdict,
        "actor": said.actor,
        "operation": said.operation_id,
        "measured": said.measured,
        "reasons": list(said.reasons),
    }
