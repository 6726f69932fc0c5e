"""What a workflow can reach. `app.wiring` composes the real one."""

from __future__ import annotations

from typing import Protocol

from holdfast.core.layout import Site
from holdfast.store import Store
from holdfast.system.clock import Clock
from holdfast.system.host import Host


class Platform(Protocol):
    """The doors to one site."""

    @property
    def site(self) -> Site:
        """Where everything of the site stands."""
        ...

    @property
    def store(self) -> Store:
        """The control database."""
        ...

    @property
    def host(self) -> Host:
        """The machine that the data plane runs on."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...
