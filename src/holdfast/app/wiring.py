"""Putting the real doors together. The only place that chooses implementations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from holdfast.core.layout import Site
from holdfast.store import Store
from holdfast.system.clock import Clock
from holdfast.system.host import Host
from holdfast.workflows.platform import Platform
from holdfast.workflows.registry import Workflow
from holdfast.workflows.runtime import Runtime


@dataclass(frozen=True, slots=True)
class RealPlatform:
    """The `Platform` that workflows run on."""

    site: Site
    store: Store
    host: Host
    clock: Clock


@dataclass(frozen=True, slots=True)
class Control:
    """A control plane at work: what the API's handlers hand to the functions of this room."""

    platform: Platform
    runtime: Runtime


def control(
    platform: Platform, workflows: Mapping[str, Workflow], *, on_lost: Callable[[], None]
) -> Control:
    """A control plane that is not started yet."""
    return Control(platform, Runtime(platform, workflows, on_lost=on_lost))
