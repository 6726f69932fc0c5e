"""Small changes that share a durable step, because one of its own costs more than the change.

Pure. Changes of the catalog take a millisecond each; writing down that a step began and ended,
and a connection of its own, take twenty.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from holdfast.core.change import Change


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that one step carries out, one after the other.

    `name` is the id of the first change, with the number of the others; `needs` are names of
    other batches.
    """

    name: str
    changes: tuple[Change, ...]
    needs: tuple[str, ...]


def batches(changes: Sequence[Change], kinds: Collection[str]) -> tuple[Batch, ...]:
    """Group the changes of these kinds; every other one stays alone.

    `changes` stand in an order in which each comes after those that it needs, as a plan has them;
    a need that is not among them is met. Changes that share a batch are equally far from the
    start, so none of them needs another, and no two batches wait for each other.
    """
    depths: dict[str, int] = {}
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        met = [depths[need] for need in change.needs if need in depths]
        depths[change.id] = 1 + max(met, default=0)
        shared = (change.kind, change.action, depths[change.id])
        groups.setdefault(shared if change.kind in kinds else (change.id,), []).append(change)
    names = {change.id: _name(group) for group in groups.values() for change in group}
    return tuple(
        Batch(_name(group), tuple(group), _needs(group, names)) for group in groups.values()
    )


def _name(group: Sequence[Change]) -> str:
    more = len(group) - 1
    return f"{group[0].id} and {more} more" if more else group[0].id


def _needs(group: Sequence[Change], names: Mapping[str, str]) -> tuple[str, ...]:
    found = (names[need] for change in group for need in change.needs if need in names)
    return tuple(dict.fromkeys(found))
