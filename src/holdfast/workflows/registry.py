"""Finding the workflows: every module of this room with a `KIND` is one. There is no other list.

Such a module has `KIND`, `async def body(run, request)` and, if a request can be wrong,
`def check(request)`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import holdfast.workflows
from holdfast.core.change import Json
from holdfast.core.errors import Bug
from holdfast.workflows.run import Run

Body: TypeAlias = Callable[[Run, Mapping[str, Json]], Awaitable[dict[str, Json]]]
"""`async def body(run, request) -> outcome`; request and outcome are JSON."""

Check: TypeAlias = Callable[[Mapping[str, Json]], None]
"""`def check(request) -> None`: raises `Invalid` before an operation is even queued."""


def accept_all(_request: Mapping[str, Json]) -> None:
    """The check of a workflow that has none."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """One kind of operation."""

    kind: str
    body: Body
    check: Check = accept_all


def workflows() -> dict[str, Workflow]:
    """Every workflow by its kind. Raises `Bug` when two share one."""
    found: dict[str, Workflow] = {}
    package = holdfast.workflows
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        kind = getattr(module, "KIND", None)
        if kind is None:
            continue
        if kind in found:
            raise Bug(f"two workflows have the kind {kind!r}")
        found[kind] = Workflow(kind, module.body, getattr(module, "check", accept_all))
    return found
