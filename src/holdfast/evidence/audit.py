"""Is the ledger what was signed? Everything is looked at once; every difference is a finding.

The heads that count are those of the file outside the database: whoever changes the database
cannot reach it. What is in the database alone only has to agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from holdfast.core.finding import Finding, Severity
from holdfast.evidence import leaf, tree
from holdfast.evidence.head import SignedHead, fingerprint

MOST = 20
"""Findings of one kind that are listed; the rest is counted."""
GRACE = timedelta(minutes=2)
"""How long a head may be on its way to the file, and a leaf without a head."""


class Row(NamedTuple):
    """A leaf as it stands in the database, with what is kept beside its text."""

    seq: int
    id: str
    kind: str
    database: str
    at: datetime
    verdict: str
    content: str
    hashes: bytes
    seal: bytes


class HeadRow(NamedTuple):
    """A head as it stands in the database."""

    number: int
    size: int
    at: datetime
    content: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What is to be looked at. `log`, `size` and `peaks` are None where the row is gone."""

    log: str | None
    size: int | None
    peaks: bytes | None
    heads: Sequence[HeadRow]
    is_guarded: bool = True


@dataclass(slots=True)
class Report:
    """What was found. `signed` counts the leaves that a head outside the database covers."""

    leaves: int = 0
    heads: int = 0
    signed: int = 0
    root: bytes = tree.EMPTY_ROOT
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found that changes what the ledger says."""
        return not any(each.severity is Severity.ERROR for each in self.findings)

    def add(self, id: str, subject: str, message: str, hint: str = "") -> None:
        """Note an error; of one kind only the first ones are listed."""
        self.counts[id] = self.counts.get(id, 0) + 1
        if self.counts[id] <= MOST:
            self.findings.append(
                Finding(f"evidence.{id}", Severity.ERROR, subject, message, hint or _HINT)
            )

    def warn(self, id: str, subject: str, message: str, hint: str) -> None:
        """Note what weakens the ledger and changes nothing in it."""
        self.findings.append(Finding(f"evidence.{id}", Severity.WARNING, subject, message, hint))


_HINT = "compare with a backup of the control database and with the heads that others hold"


def audit(
    rows: Iterable[Row],
    kept: Kept,
    filed: Sequence[SignedHead],
    public_key: bytes | None,
    now: datetime,
    seal: Callable[[bytes], bytes],
) -> Report:
    """Look at every leaf and every head once; `rows` come in the order of `seq`.

    `seal` is what marks a leaf's hash as written by the platform. What a filed head covers does not
    need it any more: leaves of earlier releases have none.
    """
    report = Report(heads=len(filed))
    good = _heads(report, kept, filed, public_key, now)
    by_size: dict[int, list[tuple[str, bytes]]] = {}
    for name, signed in good:
        head = signed.head
        by_size.setdefault(head.size, []).append((name, head.root))
    outside = set(filed)
    signed_size = max((each.head.size for _, each in good if each in outside), default=0)
    last, peaks, youngest = _leaves(report, rows, by_size, _Sealed(seal, signed_size))
    report.root = tree.root(peaks)
    _state(report, kept, report.leaves, peaks)
    for size in sorted(size for size in by_size if size > report.leaves):
        report.add(
            "truncated",
            by_size[size][0][0],
            f"it covers {size} leaves, and the ledger has {report.leaves}: "
            f"leaves {report.leaves} to {size - 1} are gone",
            "see whether the control database was put back to an older state",
        )
    report.signed = max((size for size in by_size if size <= report.leaves), default=0)
    if last is not None and report.signed < report.leaves and youngest < now - GRACE:
        report.warn(
            "unsigned",
            f"leaf {report.signed}",
            f"{report.leaves - report.signed} leaves have no signed head yet",
            "see in the log of the control plane why it signs no heads",
        )
    if not kept.is_guarded:
        report.warn(
            "unguarded",
            "control database",
            "the triggers that refuse changes of the ledger are off or gone",
            "find out who removed them; the proofs hold without them",
        )
    return report


def _leaves(
    report: Report,
    rows: Iterable[Row],
    by_size: Mapping[int, Sequence[tuple[str, bytes]]],
    sealed: _Sealed,
) -> tuple[Row | None, tuple[bytes, ...], datetime]:
    """The last row, the peaks of what is really there, and the youngest moment."""
    peaks: tuple[bytes, ...] = ()
    row: Row | None = None
    youngest = datetime.min.replace(tzinfo=UTC)
    wrong_nodes = False
    expected = 0
    for size, row in enumerate(rows):
        if row.seq != expected:
            _gap(report, expected, row.seq)
        expected = row.seq + 1
        youngest = max(youngest, row.at)
        hashes = tree.completed(size, peaks, tree.leaf_hash(row.content.encode()))
        kept = row.hashes
        if kept[: tree.HASH_BYTES] != hashes[0]:
            report.add("changed", _name(row), "its text is not the one that was recorded")
        elif kept != b"".join(hashes) and not wrong_nodes:
            wrong_nodes = True
            report.add("nodes", _name(row), "the hashes kept with it are not those of the tree")
        if not sealed.holds(row.seal, hashes[0], size):
            report.add(
                "forged", _name(row), "the platform did not write it: it has no seal of ours"
            )
        _one(report, row)
        peaks = tree.grown(peaks, hashes)
        report.leaves = size + 1
        for name, root in by_size.get(report.leaves, ()):
            if tree.root(peaks) != root:
                report.add("root", name, f"the first {report.leaves} leaves are not those it signs")
    return row, peaks, youngest


@dataclass(frozen=True, slots=True)
class _Sealed:
    seal: Callable[[bytes], bytes]
    signed: int

    def holds(self, found: bytes, leaf: bytes, place: int) -> bool:
        """Whether a leaf bears our seal, or is old enough to do without."""
        return found == self.seal(leaf) or (not found and place < self.signed)


def _gap(report: Report, expected: int, found: int) -> None:
    which = f"leaf {expected}" + (f" to {found - 1}" if found > expected + 1 else "")
    report.add("missing", which, "gone from the ledger")


def _one(report: Report, row: Row) -> None:
    """What stands beside a leaf's text has to say the same."""
    try:
        seq, said = leaf.record(row.content)
    except ValueError:
        report.add("unreadable", _name(row), "its text is no leaf")
        return
    if seq != row.seq:
        report.add("moved", _name(row), f"it was recorded as leaf {seq}")
    beside = {
        "id": (row.id, said.id),
        "kind": (row.kind, said.kind),
        "database": (row.database, said.database),
        "at": (row.at, said.at),
        "verdict": (row.verdict, said.verdict),
    }
    for name, (kept, told) in beside.items():
        if kept != told:
            report.add("column", _name(row), f"its column {name} says {kept}, its text {told}")


def _name(row: Row) -> str:
    return f"leaf {row.seq} ({row.kind} {row.id})"


def _state(report: Report, kept: Kept, size: int, peaks: Sequence[bytes]) -> None:
    if kept.size is None:
        report.add("tree", "tree", "its row is gone from the control database")
    elif (kept.size, kept.peaks) != (size, b"".join(peaks)):
        report.add("tree", "tree", f"its row says {kept.size} leaves, or other hashes than theirs")


def _heads(
    report: Report,
    kept: Kept,
    filed: Sequence[SignedHead],
    public_key: bytes | None,
    now: datetime,
) -> list[tuple[str, SignedHead]]:
    """The heads that are the key's own, each with its name; findings for all others."""
    good: list[tuple[str, SignedHead]] = []
    if public_key is None and (filed or kept.heads):
        report.add("key", "key", "the public key of the site is gone")
        return good
    key = public_key or b""
    for place, signed in enumerate(filed):
        name = f"head {place} of the file"
        if _is_good(report, name, signed, kept.log, key, place):
            good.append((name, signed))
    stored = {row.number: row for row in kept.heads}
    for place, signed in enumerate(filed):
        if place not in stored:
            report.add("head-missing", f"head {place}", "gone from the control database")
        elif stored[place].content != signed.text:
            report.add("head-changed", f"head {place}", "the control database has another one")
    known = set(range(len(filed)))
    good += _stored_alone(report, kept, known, key, now)
    for row in kept.heads:
        _beside(report, row)
    return good


def _stored_alone(
    report: Report, kept: Kept, filed: set[int], key: bytes, now: datetime
) -> Iterator[tuple[str, SignedHead]]:
    """The heads that are not in the file: for a moment that is as it should be."""
    for row in kept.heads:
        signed = SignedHead(row.content, row.signature)
        name = f"head {row.number} of the database"
        if row.number in filed:
            if not signed.is_signed_by(key):
                report.add("signature", name, "it does not bear the site's signature")
            continue
        if _is_good(report, name, signed, kept.log, key, row.number):
            yield name, signed
        if row.at < now - GRACE:
            report.add("head-not-filed", name, "it is not in the heads file")


def _is_good(
    report: Report, name: str, signed: SignedHead, log: str | None, key: bytes, number: int
) -> bool:
    try:
        head = signed.head
    except ValueError:
        report.add("head-unreadable", name, "it is no tree head")
        return False
    if not signed.is_signed_by(key):
        report.add("signature", name, "it does not bear the site's signature")
        return False
    if head.key != fingerprint(key):
        report.add("signature", name, f"it names another key, {head.key[:16]}…")
    if head.number != number:
        report.add("head-order", name, f"it was signed as head {head.number}")
    if log is not None and head.log != log:
        report.add("log", name, f"it is of the log {head.log}, and the database holds {log}")
        return False
    return True


def _beside(report: Report, row: HeadRow) -> None:
    try:
        head = SignedHead(row.content, row.signature).head
    except ValueError:
        return  # named above
    if (head.number, head.size, head.at) != (row.number, row.size, row.at):
        report.add("column", f"head {row.number} of the database", "its columns are not its text")
