"""The tree against the definitions of RFC 6962, word for word, and against known vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.evidence import tree
from holdfast.evidence.tree import Node, Span

# -- the RFC's own definitions, section 2.1 --------------------------------------------------


def k_of(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: Sequence[bytes]) -> bytes:
    if not d:
        return hashlib.sha256().digest()
    if len(d) == 1:
        return hashlib.sha256(b"\x00" + d[0]).digest()
    k = k_of(len(d))
    return hashlib.sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = k_of(len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: Sequence[bytes], b: bool) -> list[bytes]:
    if m == len(d):
        return [] if b else [mth(d)]
    k = k_of(len(d))
    if m <= k:
        return [*subproof(m, d[:k], b), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


# -- ours ------------------------------------------------------------------------------------


class Log:
    """A log as the store keeps it: with every leaf, the subtrees that it completed."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.peaks: tuple[bytes, ...] = ()
        self.rows: list[tuple[bytes, ...]] = []
        for size, leaf in enumerate(leaves):
            hashes = tree.completed(size, self.peaks, tree.leaf_hash(leaf))
            self.peaks = tree.grown(self.peaks, hashes)
            self.rows.append(hashes)

    def __getitem__(self, node: Node) -> bytes:
        return self.rows[node.completed_by][node.level]

    def hashes(self, spans: Sequence[Span]) -> list[bytes]:
        return [tree.span_hash(span, self.__getitem__) for span in spans]


leaves = st.lists(st.binary(max_size=3), max_size=70)


@given(leaves)
def test_the_head_is_the_rfc_s(d: list[bytes]) -> None:
    assert tree.root(Log(d).peaks) == mth(d)


@given(leaves.filter(len), st.data())
def test_an_inclusion_proof_is_the_rfc_s(d: list[bytes], data: st.DataObject) -> None:
    m = data.draw(st.integers(0, len(d) - 1))
    assert Log(d).hashes(tree.inclusion(m, len(d))) == path(m, d)


@given(leaves.filter(len), st.data())
def test_a_consistency_proof_is_the_rfc_s(d: list[bytes], data: st.DataObject) -> None:
    m = data.draw(st.integers(1, len(d)))
    assert Log(d).hashes(tree.consistency(m, len(d))) == subproof(m, d, True)


@given(leaves.filter(len), st.data())
def test_a_head_of_the_past_can_be_made_again(d: list[bytes], data: st.DataObject) -> None:
    m = data.draw(st.integers(1, len(d)))
    assert tree.span_hash(Span(0, m), Log(d).__getitem__) == mth(d[:m])


@given(st.integers(1, 10**7), st.data())
def test_a_stretch_and_its_proof_are_the_whole_tree(size: int, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(begin + 1, size))
    spans = tree.stretch(Span(begin, end), size)
    together = sorted([*spans, Span(begin, end)])
    assert together[0].begin == 0
    assert together[-1].end == size
    assert all(a.end == b.begin for a, b in pairwise(together))
    assert len(spans) <= 2 * size.bit_length()


@given(st.integers(1, 10**9), st.data())
def test_every_proof_is_short(size: int, data: st.DataObject) -> None:
    leaf = data.draw(st.integers(0, size - 1))
    spans = (*tree.inclusion(leaf, size), *tree.consistency(leaf + 1, size))
    assert len(spans) <= 2 * size.bit_length() + 1
    asked = {node for span in spans for node in tree.nodes(span)}
    assert len(asked) <= 4 * size.bit_length()
    assert all(node.completed_by < size for node in asked)


def test_there_is_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="leaf 3 is not in a tree of 3"):
        tree.inclusion(3, 3)
    with pytest.raises(ValueError, match="no beginning"):
        tree.consistency(4, 3)
    with pytest.raises(ValueError, match="are not in a tree of 3"):
        tree.stretch(Span(2, 4), 3)


# -- the vectors of the Certificate Transparency project --------------------------------------

VECTOR = [
    bytes.fromhex(each)
    for each in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_known_heads(size: int) -> None:
    assert tree.root(Log(VECTOR[:size]).peaks).hex() == ROOTS[size - 1]


def test_the_head_of_nothing() -> None:
    assert tree.root(()).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_known_inclusion_proof() -> None:
    assert [each.hex() for each in Log(VECTOR).hashes(tree.inclusion(0, 8))] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_a_known_consistency_proof() -> None:
    assert [each.hex() for each in Log(VECTOR).hashes(tree.consistency(6, 8))] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
