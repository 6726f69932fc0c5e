"""Which pages of a large table are hashed: ranges that follow from a seed, alike on both sides."""

from __future__ import annotations

import hashlib

RANGES = 64
RANGE_BLOCKS = 128
"""64 ranges of 1 MiB each."""


def ranges(seed: str, table: str, blocks: int) -> tuple[tuple[int, int], ...]:
    """Ranges [first, last) of block numbers, in order and apart from each other.

    The table is cut into as many stretches as there are ranges, and each stretch has one, at a
    place that the seed chooses: nothing is left out for ever. A small table is one range.
    """
    if blocks <= RANGES * RANGE_BLOCKS:
        return ((0, blocks),) if blocks else ()
    found = []
    for number in range(RANGES):
        low, high = number * blocks // RANGES, (number + 1) * blocks // RANGES
        digest = hashlib.sha256(f"{seed}\0{table}\0{number}".encode()).digest()
        start = low + int.from_bytes(digest[:8], "big") % max(1, high - low - RANGE_BLOCKS + 1)
        found.append((start, min(start + RANGE_BLOCKS, high)))
    return tuple(found)
