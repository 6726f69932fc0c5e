"""Check a bundle of `holdfast evidence export`, without trusting whoever made it.

This one file is enough: copy it to a machine of your own, beside Python 3.11 and the package
`cryptography`. It shares no code with the platform that wrote the bundle.

    python -m holdfast.evidence_check bundle.json --key FINGERPRINT
    python evidence_check.py bundle.json --key key.pub --earlier last-quarter.json

It holds the signature of every tree head against the key, every leaf against the newest head
(RFC 6962, by one proof for the whole stretch of leaves), and each head against the next one, which
shows that nothing signed earlier was changed or taken out since. Ends with 0 if all of it holds,
with 1 if anything does not, with 2 if the command line is wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

FORMAT = "holdfast-evidence/1"
PREFIX = b"holdfast tree head 1\n"


class Wrong(Exception):
    """The bundle does not prove what it says."""


@dataclass(frozen=True)
class Head:
    """A tree head as it was signed."""

    text: str
    signature: bytes
    log: str
    number: int
    size: int
    root: bytes
    at: str
    key: str

    @classmethod
    def read(cls, data: dict[str, str]) -> Head:
        """From the bundle."""
        said = json.loads(data["head"])
        return cls(
            text=data["head"],
            signature=bytes.fromhex(data["signature"]),
            log=said["log"],
            number=said["number"],
            size=said["size"],
            root=bytes.fromhex(said["root"]),
            at=said["at"],
            key=said["key"],
        )


def check(bundle: dict[str, Any], pinned: str | None = None) -> list[Head]:
    """The heads of a bundle that holds. Raises `Wrong`; `pinned` is the key's fingerprint."""
    if bundle.get("format") != FORMAT:
        raise Wrong(f"the format is {bundle.get('format')!r}, not {FORMAT!r}")
    key = bytes.fromhex(bundle["key"])
    if pinned is not None and fingerprint(key) != pinned:
        raise Wrong(f"it is signed by the key {fingerprint(key)}, not by the one you named")
    heads = [Head.read(each) for each in bundle["heads"]]
    if not heads:
        raise Wrong("it has no tree head")
    for head in heads:
        _check_head(head, key)
    if len(bundle["consistency"]) != len(heads) - 1:
        raise Wrong("it does not prove each head against the next one")
    for (old, new), proof in zip(pairwise(heads), bundle["consistency"], strict=True):
        _check_successor(old, new, [bytes.fromhex(each) for each in proof])
    _check_leaves(bundle, heads[-1])
    return heads


def _check_head(head: Head, key: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(head.signature, PREFIX + head.text.encode())
    except (InvalidSignature, ValueError):
        raise Wrong(f"head {head.number} is not signed by the key") from None
    if head.key != fingerprint(key):
        raise Wrong(f"head {head.number} names another key")


def _check_successor(old: Head, new: Head, proof: Sequence[bytes]) -> None:
    if old.log != new.log:
        raise Wrong(f"heads {old.number} and {new.number} are of two logs")
    if old.number >= new.number or old.size > new.size:
        raise Wrong(f"heads {old.number} and {new.number} are out of order")
    if not is_consistent(old.size, old.root, new.size, new.root, proof):
        raise Wrong(
            f"what head {old.number} signed is not the beginning of what head {new.number} signs"
        )


def _check_leaves(bundle: dict[str, Any], head: Head) -> None:
    begin, leaves = bundle["begin"], bundle["leaves"]
    for place, text in enumerate(leaves, start=begin):
        if json.loads(text).get("seq") != place:
            raise Wrong(f"leaf {place} says that it is another one")
    hashes = [leaf_hash(text.encode()) for text in leaves]
    rest = iter([bytes.fromhex(each) for each in bundle["proof"]])
    if not hashes or begin < 0 or begin + len(hashes) > head.size:
        raise Wrong("its leaves are not within the newest head")
    root = root_of_stretch(begin, hashes, rest, 0, head.size)
    if root != head.root or next(rest, None) is not None:
        raise Wrong(f"its leaves are not those that head {head.number} signs")


# -- RFC 6962, section 2.1 -------------------------------------------------------------------


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of_stretch(
    first: int, leaves: Sequence[bytes], rest: Iterator[bytes], begin: int, end: int
) -> bytes:
    """The head over leaves `begin` to `end`: of the stretch from `first` on we have the leaves.

    Whatever lies wholly outside the stretch comes as one hash, left to right.
    """
    if end <= first or first + len(leaves) <= begin:
        found = next(rest, None)
        if found is None:
            raise Wrong("the proof of its leaves is too short")
        return found
    if end - begin == 1:
        return leaves[begin - first]
    middle = begin + (1 << (end - begin - 1).bit_length() - 1)
    left = root_of_stretch(first, leaves, rest, begin, middle)
    return node_hash(left, root_of_stretch(first, leaves, rest, middle, end))


def is_included(leaf: bytes, index: int, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether an audit path leads from a leaf's hash to the root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    found, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            found = node_hash(sibling, found)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the older tree is the beginning of the newer one (RFC 9162, section 2.1.4.2)."""
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == hashlib.sha256().digest()
    if not 0 < old_size < new_size:
        return False
    # A perfect older tree is a node of the newer one, and left out of the proof.
    steps = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not steps:
        return False
    index, last = old_size - 1, new_size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old, new = steps[0], steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


# -- the command -----------------------------------------------------------------------------


def fingerprint(key: bytes) -> str:
    """The name of a key: SHA-256 of its 32 raw bytes."""
    return hashlib.sha256(key).hexdigest()


def follows(heads: Sequence[Head], earlier: Sequence[Head]) -> bool:
    """Whether the last head of an earlier bundle is among these, to the byte."""
    return earlier[-1].text in {head.text for head in heads}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, and say what holds."""
    parser = argparse.ArgumentParser(
        prog="evidence_check", description="Check a bundle of `holdfast evidence export`."
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", help="fingerprint of the key you trust, or the file key.pub")
    parser.add_argument("--earlier", type=Path, help="a bundle that you have checked before")
    given = parser.parse_args(arguments)
    try:
        pinned = _pinned(given.key)
        bundle = json.loads(given.bundle.read_text("utf-8"))
        earlier = json.loads(given.earlier.read_text("utf-8")) if given.earlier else None
    except (OSError, ValueError) as error:
        print(f"evidence_check: {error}", file=sys.stderr)
        return 2
    try:
        heads = check(bundle, pinned)
        _check_earlier(heads, bundle, earlier)
    except Wrong as error:
        print(f"FALSE: {error}")
        return 1
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        print(f"FALSE: it is no bundle: {error!r}")
        return 1
    _tell(bundle, heads, pinned)
    return 0


def _check_earlier(
    heads: Sequence[Head], bundle: dict[str, Any], earlier: dict[str, Any] | None
) -> None:
    if earlier is None:
        return
    before = check(earlier, fingerprint(bytes.fromhex(bundle["key"])))
    if not follows(heads, before):
        raise Wrong(
            f"it does not go on from the earlier bundle; export it with --with-head "
            f"{before[-1].number}"
        )


def _pinned(given: str | None) -> str | None:
    if given is None or (len(given) == 64 and set(given) <= set("0123456789abcdef")):
        return given
    key = load_pem_public_key(Path(given).read_bytes())
    return fingerprint(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def _tell(bundle: dict[str, Any], heads: Sequence[Head], pinned: str | None) -> None:
    begin, count = bundle["begin"], len(bundle["leaves"])
    head = heads[-1]
    print(f"TRUE: leaves {begin} to {begin + count - 1} are in the log {head.log}")
    print(f"  {len(heads)} signed heads, each the beginning of the next")
    print(f"  newest: head {head.number} over {head.size} leaves, signed at {head.at}")
    print(f"  key {fingerprint(bytes.fromhex(bundle['key']))}")
    if pinned is None:
        print("  compare this key with the one you were given: nobody has done so yet (--key)")


if __name__ == "__main__":
    sys.exit(main())
