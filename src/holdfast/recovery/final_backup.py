"""Whether a final backup is proven enough for its database to be deleted while the data are kept.

What the owner's queries say is a matter of the data, not of the backup; a table that was too busy
to be compared says nothing against it. Neither decides whether somebody may delete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from holdfast.core.promise import Verdict
from holdfast.recovery import layers

_PROVEN = (0, 1, 2, 3)
"""Layers that have to be proven."""
_NOT_FAILED = 4
"""The comparison with the source: a difference is a reason, an open question is none."""


def asked(wanted: Iterable[int]) -> tuple[int, ...]:
    """The layers to go through: those of the tier, and what the decision rests on."""
    return tuple(sorted({*wanted, *_PROVEN, _NOT_FAILED}))


def objections(outcome: Mapping[str, Any]) -> tuple[str, ...]:
    """Why nothing may be deleted after this verification; empty where all is well."""
    found = [outcome["interrupted"]] if outcome["interrupted"] else []
    said = {each["layer"]: each for each in outcome["layers"]}
    titles = {layer.number: layer.id for layer in layers.layers()}
    for number in _PROVEN:
        if number not in said:
            found.append(f"{titles[number]}: was not looked at")
        elif said[number]["verdict"] != Verdict.PROVEN:
            found += said[number]["reasons"]
    compared = said.get(_NOT_FAILED)
    if compared is not None and compared["verdict"] == Verdict.FAILED:
        found += compared["reasons"]
    return tuple(found)
