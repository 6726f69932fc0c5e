"""The checker for other machines against ours: it takes what is true, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from holdfast import evidence_check
from holdfast.app import evidence as app_evidence
from holdfast.evidence import head, tree
from holdfast.evidence.head import Head, SignedHead, fingerprint, signed
from holdfast.evidence.leaf import Record, content
from holdfast.evidence.tree import Node, Span

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
AT = datetime(2026, 3, 1, tzinfo=UTC)
MODULE = Path(evidence_check.__file__)


class Log:
    """Leaves, and every hash that can be asked for."""

    def __init__(self, size: int) -> None:
        self.leaves = [content(n, Record(f"op-{n}", "backup", AT, "orders")) for n in range(size)]
        self.rows: list[tuple[bytes, ...]] = []
        self.peaks: tuple[bytes, ...] = ()
        for n, each in enumerate(self.leaves):
            hashes = tree.completed(n, self.peaks, tree.leaf_hash(each.encode()))
            self.peaks = tree.grown(self.peaks, hashes)
            self.rows.append(hashes)

    def lookup(self, node: Node) -> bytes:
        return self.rows[node.completed_by][node.level]

    def hashes(self, spans: tuple[Span, ...]) -> list[bytes]:
        return [tree.span_hash(each, self.lookup) for each in spans]

    def root(self, size: int) -> bytes:
        return tree.span_hash(Span(0, size), self.lookup) if size else tree.EMPTY_ROOT

    def head(self, number: int, size: int, key: Ed25519PrivateKey = KEY) -> SignedHead:
        made = Head("log", number, size, self.root(size), AT, fingerprint(PUBLIC))
        return signed(made, key.sign)


def bundle(log: Log, sizes: list[int], span: Span) -> dict[str, Any]:
    heads = [log.head(number, size) for number, size in enumerate(sizes)]
    consistency = [
        [each.hex() for each in log.hashes(tree.consistency(a, b) if a else ())]
        for a, b in pairwise(sizes)
    ]
    return {
        "format": app_evidence.FORMAT,
        "key": PUBLIC.hex(),
        "heads": [{"head": each.text, "signature": each.signature.hex()} for each in heads],
        "consistency": consistency,
        "begin": span.begin,
        "leaves": log.leaves[span.begin : span.end],
        "proof": [each.hex() for each in log.hashes(tree.stretch(span, sizes[-1]))],
    }


def test_both_sides_speak_the_same_language() -> None:
    assert evidence_check.FORMAT == app_evidence.FORMAT
    assert evidence_check.PREFIX == head.PREFIX
    assert evidence_check.fingerprint(PUBLIC) == fingerprint(PUBLIC)


@st.composite
def bundles(draw: st.DrawFn) -> dict[str, Any]:
    size = draw(st.integers(1, 40))
    sizes = sorted(draw(st.lists(st.integers(0, size), max_size=4)))
    begin = draw(st.integers(0, size - 1))
    end = draw(st.integers(begin + 1, size))
    return bundle(Log(size), [*sizes, size], Span(begin, end))


@given(bundles())
def test_a_true_bundle_holds(made: dict[str, Any]) -> None:
    assert len(evidence_check.check(made, fingerprint(PUBLIC))) == len(made["heads"])


@given(bundles(), st.data())
def test_a_changed_bundle_does_not(made: dict[str, Any], data: st.DataObject) -> None:
    """Any character of anything: a bundle that reads as something else is false."""
    text = json.dumps(made, sort_keys=True)
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.sampled_from("0123456789abcdef"))
    changed = text[:at] + new + text[at + 1 :]
    try:
        other = json.loads(changed)
        if other == made:
            return
        evidence_check.check(other, fingerprint(PUBLIC))
    except (evidence_check.Wrong, ValueError, KeyError, TypeError, AttributeError):
        return
    # Only how the same bytes are written may differ: the case of a hexadecimal digit, say.
    raise AssertionError(f"{text[at]!r} became {new!r} at {text[max(0, at - 30) : at + 30]!r}")


@given(st.integers(1, 40), st.data())
def test_proofs_of_the_rfc_hold_by_its_own_rules(size: int, data: st.DataObject) -> None:
    log = Log(size)
    leaf = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    path = log.hashes(tree.inclusion(leaf, size))
    proof = log.hashes(tree.consistency(old, size))
    mine = tree.leaf_hash(log.leaves[leaf].encode())
    root = log.root(size)
    assert evidence_check.is_included(mine, leaf, size, root, path)
    assert evidence_check.is_consistent(old, log.root(old), size, root, proof)
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != leaf) | st.just(size))
    assert not evidence_check.is_included(mine, other, size, root, path)
    assert not evidence_check.is_included(mine, leaf, size, root, [*path, root])
    assert not evidence_check.is_consistent(old, log.root(old), size, b"\0" * 32, proof)
    assert not evidence_check.is_consistent(old, log.root(old), size, root, [*proof, root])


def test_another_key_than_the_pinned_one_is_refused() -> None:
    made = bundle(Log(5), [5], Span(1, 3))
    with pytest.raises(evidence_check.Wrong, match="not by the one you named"):
        evidence_check.check(made, "0" * 64)


def test_a_history_that_was_written_anew_is_refused() -> None:
    made, log = bundle(Log(9), [4, 9], Span(1, 3)), Log(9)
    log.rows[0] = (b"\x01" * 32,)
    made["heads"][0] = {
        "head": log.head(0, 4).text.replace(log.root(4).hex(), (b"\2" * 32).hex()),
        "signature": KEY.sign(
            head.PREFIX
            + log.head(0, 4).text.replace(log.root(4).hex(), (b"\2" * 32).hex()).encode()
        ).hex(),
    }
    with pytest.raises(evidence_check.Wrong, match="not the beginning"):
        evidence_check.check(made)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """As the auditor runs it: one file, in a folder of its own, without our package."""
    return subprocess.run(
        [sys.executable, "-I", *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_file_alone_is_enough(tmp_path: Path) -> None:
    script = tmp_path / "evidence_check.py"
    script.write_text(MODULE.read_text())
    assert "holdfast." not in MODULE.read_text().split('"""', 2)[2]
    log = Log(30)
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text(json.dumps(bundle(log, [10], Span(0, 10))))
    second.write_text(json.dumps(bundle(log, [10, 30], Span(10, 30))))
    ran = run(script, second, "--key", fingerprint(PUBLIC), "--earlier", first)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("TRUE: leaves 10 to 29 are in the log log\n  2 signed heads")
    without = run(script, second)
    assert without.returncode == 0
    assert fingerprint(PUBLIC) in without.stdout
    assert "nobody has done so yet" in without.stdout

    second.write_text(json.dumps(bundle(log, [20, 30], Span(10, 30))))
    ran = run(script, second, "--earlier", first)
    assert ran.returncode == 1
    assert "export it with --with-head 0" in ran.stdout
    second.write_text(second.read_text().replace("op-12", "op-21"))
    ran = run(script, second)
    assert (ran.returncode, ran.stdout) == (
        1,
        "FALSE: its leaves are not those that head 1 signs\n",
    )
    assert run(script, tmp_path / "nowhere.json").returncode == 2
    second.write_text("[]")
    assert run(script, second).returncode == 1
