"""Finding the workflows: every module of this room with a `KIND` is one. There is no other list.

Such a module has `KIND`, `FIELDS` that a request may have, `async def body(run, request)` and, if
a request can be wrong in what they say, `def check(request)`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import holdfast.workflows
from holdfast.core.change import Json
from holdfast.core.errors import Bug, Invalid
from holdfast.core.finding import Finding, Severity
from holdfast.spec.suggest import listing, nearest
from holdfast.workflows.run import Run

Body: TypeAlias = Callable[[Run, Mapping[str, Json]], Awaitable[dict[str, Json]]]
"""`async def body(run, request) -> outcome`; request and outcome are JSON."""

Check: TypeAlias = Callable[[Mapping[str, Json]], None]
"""`def check(request) -> None`: raises `Invalid` before an operation is even queued."""


def accept_all(_request: Mapping[str, Json]) -> None:
    """The check of a workflow that has none."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """One kind of operation. `fields` are those of its request; None takes any."""

    kind: str
    body: Body
    check: Check = accept_all
    fields: tuple[str, ...] | None = None

    def refuse(self, request: Mapping[str, Json]) -> None:
        """Raise `Invalid` for a request that it does not accept."""
        if findings := [*self._unknown(request)]:
            raise Invalid(f"the request of {self.kind!r} is not valid", findings)
        self.check(request)

    def _unknown(self, request: Mapping[str, Json]) -> Iterator[Finding]:
        for name in sorted(request.keys() - set(self.fields)) if self.fields is not None else ():
            close = nearest(name, self.fields or ())
            known = f"it takes {listing(self.fields)}" if self.fields else "it takes none"
            yield Finding(
                "request.unknown-field",
                Severity.ERROR,
                f"body.request.{name}",
                f"{self.kind} has no field {name!r}: {known}",
                f"did you mean {close}?" if close else "remove it",
            )


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
        found[kind] = Workflow(
            kind, module.body, getattr(module, "check", accept_all), getattr(module, "FIELDS", None)
        )
    return found
