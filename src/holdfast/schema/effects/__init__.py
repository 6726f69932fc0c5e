"""What a statement does: one family of statements a file, found by the kind of the tree's root.

A family module holds `STATEMENTS`, from the parser's name of a statement to the function that
notes its effects in a draft. A family reads no clock, no server and no text.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from holdfast.schema.catalog.world import World
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.model import Cause, Effects, Lock
from holdfast.schema.names import Mode
from holdfast.schema.parse import Node

__all__ = ["Cause", "Draft", "Effects", "Lock", "drafted", "families"]

Family = Callable[[Draft, Node], None]


@cache
def families() -> dict[str, Family]:
    """Every kind of statement that some family knows."""
    known: dict[str, Family] = {}
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        known.update(getattr(module, "STATEMENTS", {}))
    return known


def drafted(kind: str, node: Node, world: World, version: int) -> tuple[Draft, Effects]:
    """The effects of one statement on this world, which stays as it is.

    The draft holds what the statement would change; `kept` applies it.
    """
    draft = Draft(world, version)
    family = families().get(kind)
    if family is None:
        return draft, draft.effects()
    try:
        family(draft, node)
    except Failed as failure:
        draft.writes.clear()
        draft.cause("fails", None, Mode.NONE, "", error=str(failure))
        return draft, draft.effects(str(failure))
    return draft, draft.effects()


def kept(draft: Draft) -> None:
    """Let the world be as the statement leaves it."""
    world = draft.world
    for key, fact in draft.writes.items():
        world.put(key, fact)
    if world.transaction is not None:
        if draft.settles:
            world.transaction.pending.clear()
        world.transaction.pending.update(draft.pending)
        held = world.transaction.held
        for name, mode in draft.locks.items():
            if mode > held.get(name, Mode.NONE):
                held[name] = mode
