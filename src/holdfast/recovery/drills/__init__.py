"""The drills: one file each, its name the drill's id, its docstring the documentation.

Discovery walks this folder; there is no other list. A file declares one `DRILL`, and nothing in
it does any harm.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import replace
from functools import cache
from types import ModuleType

from holdfast.core.errors import Invalid
from holdfast.recovery.drill import Drill


@cache
def every() -> dict[str, Drill]:
    """All drills by id, in the order of their ids."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    drills = [_declared(importlib.import_module(f"{__name__}.{name}")) for name in names]
    return {drill.id: drill for drill in drills}


def find(id: str) -> Drill:
    """The drill of this id. Raises `Invalid`, naming those that there are."""
    found = every().get(id)
    if found is None:
        raise Invalid(f"there is no drill {id!r}", hint=f"choose one of {', '.join(every())}")
    return found


def _declared(module: ModuleType) -> Drill:
    title, _, text = inspect.cleandoc(module.__doc__ or "").partition("\n")
    drill: Drill = module.DRILL
    name = module.__name__.rpartition(".")[2].replace("_", "-")
    return replace(drill, id=name, title=title.rstrip("."), documentation=text.strip())
