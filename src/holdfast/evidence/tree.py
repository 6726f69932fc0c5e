"""The Merkle tree of RFC 6962, section 2.1, over leaves that are only ever added.

A *perfect* subtree never changes once its last leaf is there, so each is hashed once. It is named
by a `Node`, and kept with the leaf that completed it: an append writes one row, and everything that
can be asked of a tree of n leaves is put together from O(log n) of them.

Proofs are built in two steps. A function here says which stretches of leaves (`Span`) a proof is
made of; whoever holds the nodes then turns each into a hash (`span_hash`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()
"""The head of a tree without leaves."""


class Node(NamedTuple):
    """The perfect subtree of leaves `place << level` up to, not including, `place + 1 << level`."""

    level: int
    place: int

    @property
    def completed_by(self) -> int:
        """The leaf that completes it."""
        return ((self.place + 1) << self.level) - 1


class Span(NamedTuple):
    """The leaves from `begin` up to, not including, `end`."""

    begin: int
    end: int


Lookup: TypeAlias = Callable[[Node], bytes]
"""The hash of a perfect subtree."""


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf; the prefix keeps a leaf from being taken for an inner node."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def completed(size: int, peaks: Sequence[bytes], leaf: bytes) -> tuple[bytes, ...]:
    """The hashes of the perfect subtrees that the next leaf completes, its own first.

    `peaks` are the hashes of the perfect subtrees of the tree of `size` leaves, left to right.
    """
    found = [leaf]
    rest = list(peaks)
    while size & 1:
        found.append(node_hash(rest.pop(), found[-1]))
        size >>= 1
    return tuple(found)


def grown(peaks: Sequence[bytes], hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """The peaks after an append; `hashes` is what `completed` said."""
    return (*peaks[: len(peaks) - len(hashes) + 1], hashes[-1])


def root(peaks: Sequence[bytes]) -> bytes:
    """The tree head, from the peaks left to right."""
    if not peaks:
        return EMPTY_ROOT
    found = peaks[-1]
    for left in reversed(peaks[:-1]):
        found = node_hash(left, found)
    return found


def nodes(span: Span) -> tuple[Node, ...]:
    """The perfect subtrees that a span consists of, left to right.

    The span is a subtree of the RFC's tree: it begins at a multiple of the largest power of two
    that fits into it.
    """
    found, begin = [], span.begin
    while begin < span.end:
        level = (span.end - begin).bit_length() - 1
        found.append(Node(level, begin >> level))
        begin += 1 << level
    return tuple(found)


def span_hash(span: Span, lookup: Lookup) -> bytes:
    """The head of the tree over these leaves alone."""
    return root([lookup(node) for node in nodes(span)])


def inclusion(leaf: int, size: int) -> tuple[Span, ...]:
    """PATH(leaf, D[size]): what proves that a leaf is in the tree, from the leaf upwards."""
    if not 0 <= leaf < size:
        raise ValueError(f"leaf {leaf} is not in a tree of {size}")
    return tuple(_outside(Span(leaf, leaf + 1), Span(0, size)))[::-1]


def stretch(leaves: Span, size: int) -> tuple[Span, ...]:
    """What proves that these leaves stand side by side in the tree: the rest of it, left to right.

    Of a single leaf it is the inclusion proof in another order.
    """
    if not 0 <= leaves.begin < leaves.end <= size:
        raise ValueError(f"leaves {leaves.begin} to {leaves.end} are not in a tree of {size}")
    return tuple(sorted(_outside(leaves, Span(0, size))))


def _outside(leaves: Span, tree: Span) -> list[Span]:
    """The largest subtrees without any of the leaves, the outermost first."""
    if leaves.end <= tree.begin or tree.end <= leaves.begin:
        return [tree]
    if leaves.begin <= tree.begin and tree.end <= leaves.end:
        return []
    middle = tree.begin + _split(tree.end - tree.begin)
    halves = Span(tree.begin, middle), Span(middle, tree.end)
    # The half without any comes first: it is the sibling of everything further down.
    order = sorted(halves, key=lambda half: half.begin < leaves.end and leaves.begin < half.end)
    return [span for half in order for span in _outside(leaves, half)]


def consistency(old: int, new: int) -> tuple[Span, ...]:
    """PROOF(old, D[new]): what proves that the older tree is the beginning of the newer one."""
    if not 0 < old <= new:
        raise ValueError(f"a tree of {old} is no beginning of one of {new}")
    return tuple(_subproof(old, Span(0, new), whole=True))


def _subproof(old: int, tree: Span, *, whole: bool) -> list[Span]:
    """SUBPROOF; `whole` while the older tree is what the verifier has in hand."""
    if old == tree.end:
        return [] if whole else [tree]
    middle = tree.begin + _split(tree.end - tree.begin)
    if old <= middle:
        return [*_subproof(old, Span(tree.begin, middle), whole=whole), Span(middle, tree.end)]
    return [
        *_subproof(old, Span(middle, tree.end), whole=False),
        Span(tree.begin, middle),
    ]


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1
