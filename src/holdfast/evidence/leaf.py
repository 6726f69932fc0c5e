"""A leaf's text: canonical JSON (RFC 8785), so that equal facts are equal bytes on any machine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import rfc8785

from holdfast.core.change import Json

_EXACT = 2**53 - 1
"""The largest number that every reader of JSON takes for itself; beyond it stands a text."""
_UNFIT = re.compile("[\x00\ud800-\udfff]")
"""What is no character of a text: PostgreSQL's jsonb refuses the first, UTF-8 the others."""


@dataclass(frozen=True, slots=True)
class Record:
    """One fact for ever. `id` is its idempotency key: a second record under it adds nothing.

    `verdict` is empty where nothing was judged, `database` where the whole site is meant;
    `operation_id` names the operation it belongs to, `actor` who asked for it.
    """

    id: str
    kind: str
    at: datetime
    database: str = ""
    verdict: str = ""
    actor: str = ""
    operation_id: str = ""
    measured: Mapping[str, Json] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def content(seq: int, record: Record) -> str:
    """The leaf at place `seq`, as it is hashed and kept."""
    told = {
        "seq": seq,
        "id": record.id,
        "kind": record.kind,
        "at": record.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "database": record.database,
        "verdict": record.verdict,
        "actor": record.actor,
        "operation": record.operation_id,
        "measured": dict(record.measured),
        "reasons": list(record.reasons),
    }
    return rfc8785.dumps(_fit(told)).decode()


def record(text: str) -> tuple[int, Record]:
    """Place and fact of a leaf. Raises ValueError for what is no leaf."""
    try:
        told = json.loads(text)
        return told["seq"], Record(
            id=told["id"],
            kind=told["kind"],
            at=datetime.fromisoformat(told["at"]),
            database=told["database"],
            verdict=told["verdict"],
            actor=told["actor"],
            operation_id=told["operation"],
            measured=told["measured"],
            reasons=tuple(told["reasons"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a leaf: {error!r}") from error


def _fit(value: Json) -> Json:
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value if abs(value) <= _EXACT else str(value)
    if isinstance(value, Mapping):
        return {_fit(str(name)): _fit(each) for name, each in value.items()}
    return [_fit(each) for each in value]
