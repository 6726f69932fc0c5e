"""Finding the workflows: every module of this room with a `KIND` is one. There is no other list."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import holdfast.workflows
from holdfast.core.change import Json
from holdfast.core.errors import Bug
from holdfast.workflows.run import Run

Body: TypeAlias = Callable[[Run, Mapping[str, Json]], Awaitable[dict[str, Json]]]
"""`async def body(run, request) -> outcome`; request and outcome are JSON."""


def bodies() -> dict[str, Body]:
    """The body of every workflow by its kind. Raises `Bug` when two share a kind."""
    found: dict[str, Body] = {}
    package = holdfast.workflows
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        kind = getattr(module, "KIND", None)
        if kind is None:
            continue
        if kind in found:
            raise Bug(f"two workflows have the kind {kind!r}")
        found[kind] = module.body
    return found
