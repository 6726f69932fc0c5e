"""Does a restored copy hold what its source held? Table by table.

The source takes a snapshot of each database, then writes a restore point, and the copy is restored
to that point. What a snapshot sees is therefore part of the copy, and anything else in the copy
was committed between the two moments. The copy knows which transactions those are: in a database
for which there is none (`exact`) both sides hold the same to the bit. Elsewhere a table that nobody
wrote to has to be equal; for a busy one the source's own counters of written rows bound the
difference. Those counters arrive late, so they may show more writes than fell between the moments:
that loosens the bounds of a busy table and never wrongs a sound backup.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.change import Json


@dataclass(frozen=True, slots=True)
class Written:
    """The rows written to a table since some moment, as its statistics count them."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def is_none(self) -> bool:
        """Whether nobody wrote to it."""
        return not (self.inserted or self.updated or self.deleted)

    def since(self, before: Written) -> Written | None:
        """What was added after `before`; None when the counters went back (reset, failover)."""
        parts = (
            self.inserted - before.inserted,
            self.updated - before.updated,
            self.deleted - before.deleted,
        )
        return None if min(parts) < 0 else Written(*parts)


@dataclass(frozen=True, slots=True)
class Count:
    """What one table held: `rows` None if it was not counted, `hash` None if not hashed.

    `hash` does not depend on the order of rows. `file` is the number of the table's file, which
    changes when the table is rewritten or truncated; `written` are its counters since ever.
    `blocks` is how many pages a table had of which only some were hashed, else 0.
    """

    rows: int | None
    hash: str | None = None
    file: int = 0
    written: Written = field(default_factory=Written)
    why_not: str = ""
    blocks: int = 0

    def to_json(self) -> dict[str, Json]:
        """Plain JSON, the inverse of `from_json`."""
        return {
            "rows": self.rows,
            "hash": self.hash,
            "file": self.file,
            "written": [self.written.inserted, self.written.updated, self.written.deleted],
            "why_not": self.why_not,
            "blocks": self.blocks,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Count:
        """The inverse of `to_json`."""
        return cls(
            data["rows"],
            data["hash"],
            data["file"],
            Written(*data["written"]),
            data["why_not"],
            data["blocks"],
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Names of tables (`database.schema.table`) by what the comparison says of them.

    `equal` are those of which rows and hash agree, `sampled` those whose hash is one of samples,
    `counted` those of which rows alone could be compared and agree, `bounded` those whose
    difference the writes of the time explain: busy ones, and ones that were made during the test.
    `open` and `different` hold a sentence for each table.
    """

    equal: tuple[str, ...] = ()
    sampled: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    bounded: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    rows: int = 0

    @property
    def tables(self) -> int:
        """How many tables there were."""
        groups = (
            self.equal, self.sampled, self.counted, self.bounded, self.open, self.different
        )  # fmt: skip
        return sum(len(group) for group in groups)


def suspects(source: Mapping[str, Count], copy: Mapping[str, Count]) -> tuple[str, ...]:
    """The tables that are not simply equal: the source's counters have to be read again."""
    return tuple(name for name in sorted({*source, *copy}) if not _agree(source, copy, name))


def comparison(
    source: Mapping[str, Count],
    copy: Mapping[str, Count],
    now: Mapping[str, Count],
    exact: Collection[str] = (),
) -> Comparison:
    """Compare the copy with its source.

    `now` are the source's tables after the copy was counted, needed for `suspects` alone; only
    `file` and `written` are read of it. `exact` are the databases in which nothing was committed
    between the source's snapshot and the copy's end.
    """
    groups: dict[str, list[str]] = {
        name: [] for name in ("equal", "sampled", "counted", "bounded", "open", "different")
    }
    for name in sorted({*source, *copy}):
        group, sentence = _compared(
            name, source.get(name), copy.get(name), now.get(name), is_exact=_is_in(name, exact)
        )
        groups[group].append(sentence or name)
    return Comparison(
        **{group: tuple(names) for group, names in groups.items()},
        rows=sum(count.rows or 0 for count in copy.values()),
    )


def is_settled(names: Collection[str], exact: Collection[str]) -> bool:
    """Whether no counter of writes could explain a difference in any of these tables."""
    return all(_is_in(name, exact) for name in names)


def _is_in(table: str, databases: Collection[str]) -> bool:
    return any(table.startswith(f"{database}.") for database in databases)


def _agree(source: Mapping[str, Count], copy: Mapping[str, Count], name: str) -> bool:
    return (
        name in source
        and name in copy
        and _compared(name, source[name], copy[name], None)[0] in ("equal", "sampled", "counted")
    )


def _compared(
    name: str,
    source: Count | None,
    copy: Count | None,
    now: Count | None,
    *,
    is_exact: bool = False,
) -> tuple[str, str]:
    if source is None or copy is None:
        return _missing(name, copy is None, now is None, is_exact)
    if source.rows is None or copy.rows is None:
        return "open", f"{name} was not counted: {source.why_not or copy.why_not}"
    if source.rows == copy.rows and (source.hash is None or copy.hash is None):
        return "counted", ""
    if (source.rows, source.hash) == (copy.rows, copy.hash):
        return ("sampled" if source.blocks else "equal"), ""
    return _differing(name, source, copy, now, is_exact=is_exact)


def _missing(name: str, in_copy: bool, gone: bool, is_exact: bool) -> tuple[str, str]:
    """A table that one side lacks; `gone` is whether the source has none of the name by now."""
    if in_copy:
        if gone and not is_exact:
            return "open", f"{name} was dropped on the source during the test"
        return "different", f"{name} is missing in the copy"
    if is_exact:
        return "different", f"{name} is in the copy, and was not on the source"
    if not gone:
        return "bounded", ""
    return "open", f"{name} is in the copy, and not on the source"


def _differing(
    name: str, source: Count, copy: Count, now: Count | None, *, is_exact: bool
) -> tuple[str, str]:
    assert source.rows is not None
    assert copy.rows is not None
    if now is None or now.file != source.file:
        # A table that is truncated while it is counted looks empty even to an older snapshot.
        return "open", f"{name} was rewritten, truncated or dropped during the test"
    told = f"{name} has {copy.rows} rows in the copy and {source.rows} on the source"
    if source.rows == copy.rows:
        told = f"{name} has {copy.rows} rows on both sides, but their content differs"
    if is_exact:
        return "different", f"{told}; nothing was committed in between"
    written = now.written.since(source.written)
    if written is None:
        return "open", f"{name} differs, and the source's counters of writes were reset"
    if written.is_none:
        return "different", f"{told}; nobody wrote to it"
    low, high = source.rows - written.deleted, source.rows + written.inserted
    if low <= copy.rows <= high:
        return "bounded", ""
    return "different", f"{told}; writes of the time explain {low} to {high}"
