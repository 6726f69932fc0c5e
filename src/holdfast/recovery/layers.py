"""The layers of proof, found in `recovery/checks`: which there are, and what they say."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable
from functools import cache

from holdfast.core.errors import Invalid
from holdfast.recovery import checks, restore_test
from holdfast.recovery.layer import Layer, Result, Told, result
from holdfast.recovery.verdict import Judgement, judgement, unproven

LAYERS_PATTERN = r"^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$"
"""How layers are chosen: `0-4,6`."""
DEEPEST_RESTORE = 5
"""Layers 1 to 5 look at one restored copy; the last one restores copies of its own."""
POINT_IN_TIME = 6
RESTORING = frozenset({1, 2})
"""The layers that restore a copy and start it: without both of them nothing was restored."""


@cache
def layers() -> tuple[Layer, ...]:
    """Every layer, by number."""
    found = []
    for info in pkgutil.iter_modules(checks.__path__):
        module = importlib.import_module(f"{checks.__name__}.{info.name}")
        page = inspect.cleandoc(module.__doc__ or "")
        found.append(Layer(module.LAYER, info.name, page, module.REQUIRED, module.found))
    return tuple(sorted(found, key=lambda each: each.number))


def chosen(text: str) -> tuple[int, ...]:
    """The numbers that `0-4,6` means, in order. Raises `Invalid`."""
    numbers = {layer.number for layer in layers()}
    meant: set[int] = set()
    if not re.fullmatch(LAYERS_PATTERN, text):
        raise _wrong(text)
    for part in text.split(","):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        if low > high or not {low, high} <= numbers:
            raise _wrong(text)
        meant |= set(range(low, high + 1))
    return tuple(sorted(meant))


def kind_of(came_to: Iterable[int], wanted: Iterable[int], *, is_newest: bool) -> str:
    """The kind of a verification's evidence: a restore test restores, and has all that is wanted.

    `wanted` are the layers of the tier; the last of them has evidence of its own.
    """
    whole = RESTORING | ({*wanted} - {POINT_IN_TIME})
    return restore_test.KIND if is_newest and whole <= {*came_to} else restore_test.PARTIAL_KIND


def _wrong(text: str) -> Invalid:
    numbers = [layer.number for layer in layers()]
    return Invalid(
        f"{text!r} does not choose layers",
        hint=f"name numbers or ranges from {numbers[0]} to {numbers[-1]}, such as 0-4,6",
    )


def show(numbers: Iterable[int]) -> str:
    """The numbers as people write them: `0-4,6`."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][-1] == number - 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)


def results(told: Told, numbers: Iterable[int]) -> tuple[Result, ...]:
    """What each of these layers says of it."""
    wanted = set(numbers)
    return tuple(result(layer, told) for layer in layers() if layer.number in wanted)


def verdict(told: Told, numbers: Iterable[int]) -> Judgement:
    """Proven only if every chosen layer is, and nothing interrupted the verification."""
    found = results(told, numbers)
    required = [id for layer in layers() if layer.number in set(numbers) for id in layer.required]
    seen = [check for each in found for check in each.found.checks]
    if told.get("interrupted"):
        seen.append(unproven("interrupted", told["interrupted"]))
    return judgement(seen, required)
