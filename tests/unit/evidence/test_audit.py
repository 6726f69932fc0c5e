"""Whatever is done to a ledger in the database, the audit finds it. Pure: a ledger in lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.finding import Severity
from holdfast.evidence import leaf, tree
from holdfast.evidence.audit import HeadRow, Kept, Report, Row, audit
from holdfast.evidence.head import Head, SignedHead, fingerprint, signed
from holdfast.evidence.leaf import Record

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
NOW = BEGIN + timedelta(hours=1)


@dataclass
class Ledger:
    """A database and a heads file."""

    rows: list[Row]
    kept: Kept
    filed: list[SignedHead]

    def report(self, now: datetime = NOW) -> Report:
        return audit(self.rows, self.kept, self.filed, PUBLIC, now, seal)

    def ids(self) -> set[str]:
        return {each.id.removeprefix("evidence.") for each in self.report().findings}

    def without_heads(self, number: int) -> None:
        self.kept = replace(self.kept, heads=[h for h in self.kept.heads if h.number < number])


def seal(leaf_hash: bytes) -> bytes:
    return b"ours" + leaf_hash[:4]


def made(count: int, heads_at: tuple[int, ...], key: Ed25519PrivateKey = KEY) -> Ledger:
    """A ledger of so many leaves, signed at these sizes; changed leaves build on one another."""
    return built([fact(n) for n in range(count)], heads_at, key)


def fact(n: int) -> Record:
    return Record(f"op-{n}", "backup", BEGIN + timedelta(seconds=n), "orders", actor="ada")


def built(facts: list[Record], heads_at: tuple[int, ...], key: Ed25519PrivateKey = KEY) -> Ledger:
    peaks: tuple[bytes, ...] = ()
    rows: list[Row] = []
    heads: list[SignedHead] = []
    for size in range(len(facts) + 1):
        if size in heads_at:
            at = BEGIN + timedelta(seconds=size)
            root = tree.root(peaks)
            head = Head("log", len(heads), size, root, at, fingerprint(PUBLIC))
            heads.append(signed(head, key.sign))
        if size == len(facts):
            break
        said = facts[size]
        text = leaf.content(size, said)
        hashes = tree.completed(size, peaks, tree.leaf_hash(text.encode()))
        beside = (said.id, said.kind, said.database, said.at, said.verdict)
        rows.append(Row(size, *beside, text, b"".join(hashes), seal(hashes[0])))
        peaks = tree.grown(peaks, hashes)
    stored = [HeadRow(s.head.number, s.head.size, s.head.at, s.text, s.signature) for s in heads]
    kept = Kept("log", len(facts), b"".join(peaks), stored)
    return Ledger(rows, kept, heads)


@given(st.integers(0, 40), st.sets(st.integers(0, 40), max_size=6))
def test_an_honest_ledger_is_whole(count: int, heads: set[int]) -> None:
    sizes = {*heads, count}
    found = made(count, tuple(sizes)).report()
    assert found.findings == []
    assert (found.leaves, found.signed) == (count, count)


# -- one tampering each; nobody who tampers has the key ----------------------------------------


def change_text(ledger: Ledger) -> None:
    row = ledger.rows[5]
    ledger.rows[5] = row._replace(content=row.content.replace("ada", "bob"))


def change_column(ledger: Ledger) -> None:
    ledger.rows[5] = ledger.rows[5]._replace(verdict="proven")


def change_everything_consistently(ledger: Ledger) -> None:
    """What a superuser does who knows the code: all hashes anew, with a key of their own."""
    facts = [fact(n) for n in range(12)]
    facts[5] = replace(facts[5], actor="bob")
    forged = built(facts, (4, 8, 12), OTHER)
    ledger.rows, ledger.kept = forged.rows, forged.kept


def the_same_with_the_old_heads(ledger: Ledger) -> None:
    facts = [fact(n) for n in range(12)]
    facts[5] = replace(facts[5], actor="bob")
    forged = built(facts, ())
    ledger.rows = forged.rows
    ledger.kept = replace(forged.kept, heads=ledger.kept.heads)


def take_one_out(ledger: Ledger) -> None:
    del ledger.rows[5]


def take_one_out_and_close_the_gap(ledger: Ledger) -> None:
    forged = built([fact(n) for n in range(12) if n != 5], ())
    ledger.rows = forged.rows
    ledger.kept = replace(forged.kept, heads=ledger.kept.heads)


def swap_two(ledger: Ledger) -> None:
    a, b = ledger.rows[5], ledger.rows[6]
    ledger.rows[5:7] = [b._replace(seq=5, hashes=a.hashes), a._replace(seq=6, hashes=b.hashes)]


def cut_the_tail(ledger: Ledger) -> None:
    del ledger.rows[9:]


def go_back_in_time(ledger: Ledger) -> None:
    """The whole database as it was when it had eight leaves."""
    old = made(8, (4, 8))
    ledger.rows, ledger.kept = old.rows, old.kept


def empty_it(ledger: Ledger) -> None:
    fresh = made(0, ())
    ledger.rows, ledger.kept = [], replace(fresh.kept, log="another")


def change_a_node(ledger: Ledger) -> None:
    row = ledger.rows[7]
    ledger.rows[7] = row._replace(hashes=row.hashes[:32] + b"\0" * (len(row.hashes) - 32))


def change_the_tree(ledger: Ledger) -> None:
    ledger.kept = replace(ledger.kept, peaks=b"\0" * len(ledger.kept.peaks or b""))


def remove_the_tree(ledger: Ledger) -> None:
    ledger.kept = replace(ledger.kept, log=None, size=None, peaks=None)


def change_a_head(ledger: Ledger) -> None:
    row = ledger.kept.heads[1]
    row = row._replace(size=7, content=row.content.replace('"size":8', '"size":7'))
    ledger.kept = replace(ledger.kept, heads=[ledger.kept.heads[0], row, *ledger.kept.heads[2:]])


def remove_a_head(ledger: Ledger) -> None:
    ledger.kept = replace(ledger.kept, heads=[h for h in ledger.kept.heads if h.number != 1])


def forge_a_head(ledger: Ledger) -> None:
    head = Head("log", 3, 12, b"\x07" * 32, BEGIN, fingerprint(PUBLIC))
    forged = signed(head, OTHER.sign)
    row = HeadRow(3, 12, BEGIN, forged.text, forged.signature)
    ledger.kept = replace(ledger.kept, heads=[*ledger.kept.heads, row])


def add_one(ledger: Ledger) -> None:
    """Correct in every hash; only the seal cannot be made."""
    forged = built([fact(n) for n in range(13)], ())
    ledger.rows = [*ledger.rows, forged.rows[12]._replace(seal=b"")]
    ledger.kept = replace(forged.kept, heads=ledger.kept.heads)


def add_one_with_a_seal(ledger: Ledger) -> None:
    add_one(ledger)
    ledger.rows[12] = ledger.rows[12]._replace(seal=ledger.rows[11].seal)


def empty_the_file(ledger: Ledger) -> None:
    ledger.filed.clear()


def write_nonsense(ledger: Ledger) -> None:
    ledger.rows[5] = ledger.rows[5]._replace(content="{}")


@pytest.mark.parametrize(
    ("tamper", "finding"),
    [
        (change_text, "changed"),
        (change_text, "root"),
        (change_column, "column"),
        (change_everything_consistently, "root"),
        (change_everything_consistently, "head-changed"),
        (change_everything_consistently, "signature"),
        (the_same_with_the_old_heads, "root"),
        (take_one_out, "missing"),
        (take_one_out, "root"),
        (take_one_out_and_close_the_gap, "root"),
        (take_one_out_and_close_the_gap, "truncated"),
        (swap_two, "moved"),
        (swap_two, "root"),
        (cut_the_tail, "truncated"),
        (go_back_in_time, "truncated"),
        (go_back_in_time, "head-missing"),
        (empty_it, "log"),
        (change_a_node, "nodes"),
        (change_the_tree, "tree"),
        (remove_the_tree, "tree"),
        (change_a_head, "head-changed"),
        (remove_a_head, "head-missing"),
        (forge_a_head, "signature"),
        (add_one, "forged"),
        (add_one_with_a_seal, "forged"),
        (empty_the_file, "head-not-filed"),
        (write_nonsense, "unreadable"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_tampering_is_found(tamper: Callable[[Ledger], None], finding: str) -> None:
    ledger = made(12, (4, 8, 12))
    assert ledger.report().is_whole
    tamper(ledger)
    assert finding in ledger.ids()
    assert not ledger.report().is_whole


@given(st.data())
def test_no_single_change_of_a_leaf_goes_unseen(data: st.DataObject) -> None:
    ledger = made(20, (3, 11, 20))
    place = data.draw(st.integers(0, 19))
    row = ledger.rows[place]
    text = list(row.content)
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.characters(codec="utf-8").filter(lambda c: c != text[at]))
    content = "".join(text)
    # With the hash beside it put right as well: only the heads know.
    hashes = tree.leaf_hash(content.encode()) + row.hashes[32:]
    ledger.rows[place] = row._replace(content=content, hashes=hashes)
    assert "root" in ledger.ids()


def test_many_findings_are_counted_and_not_all_listed() -> None:
    ledger = made(60, (60,))
    ledger.rows = [row._replace(content=row.content.replace("ada", "bob")) for row in ledger.rows]
    found = ledger.report()
    assert found.counts["changed"] == 60
    assert sum(each.id == "evidence.changed" for each in found.findings) == 20


def test_what_waits_for_its_head_is_named_only_when_it_waits_too_long() -> None:
    ledger = made(12, (8,))
    at = BEGIN + timedelta(seconds=20)
    assert ledger.report(at).findings == []
    (found,) = ledger.report().findings
    assert (found.id, found.severity) == ("evidence.unsigned", Severity.WARNING)
    assert ledger.report().is_whole


def test_leaves_of_an_earlier_release_have_no_seal_and_need_none() -> None:
    ledger = made(12, (8, 12))
    ledger.rows = [row._replace(seal=b"") for row in ledger.rows]
    assert ledger.report().findings == []
    ledger.filed.pop()
    assert "forged" in ledger.ids()


def test_guards_that_are_off_are_named() -> None:
    ledger = made(12, (12,))
    ledger.kept = replace(ledger.kept, is_guarded=False)
    assert ledger.ids() == {"unguarded"}
    assert ledger.report().is_whole


def test_a_head_on_its_way_to_the_file_is_no_finding() -> None:
    ledger = made(12, (4, 12))
    ledger.filed.pop()
    assert ledger.report(BEGIN + timedelta(seconds=30)).findings == []
