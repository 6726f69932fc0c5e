"""The faults that drills cause: one performer each, found by its file's name with hyphens.

A performer first takes *aim*: what it is going to hit, as JSON. Whoever performs it writes that
down durably before anything is done, so that `undo` can be called with it by another process
than the one that did the harm. What it was aimed at is named so that a later thing of the same
name is never hit: a process by pid and start, a session by its backend's start.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from holdfast.core.change import Json
from holdfast.core.errors import Bug, Error
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors, by_name


class CannotCause(Error):
    """This fault cannot be caused for this user, on this machine, on this cluster."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a fault is performed.

    `mark` is the operation's id; whatever a performer leaves behind bears it. `folder` is the
    operation's own. `chance` makes every choice, so that a seed replays them.
    """

    cluster: Cluster
    doors: Doors
    mark: str
    folder: PurePosixPath
    chance: random.Random

    def node(self, name: str) -> Node:
        """The node of this name."""
        found = by_name(self.cluster, name)
        if found is None:
            raise Bug(f"{self.cluster.name} has no node {name}")
        return found


class Performer(ABC):
    """One fault. Everything but `aim` and `inject` may be left as it is here."""

    @abstractmethod
    async def aim(self, scene: Scene, options: Mapping[str, Json]) -> dict[str, Json]:
        """What will be hit. Raises `CannotCause`, or `Conflict` when there is nothing to hit."""

    @abstractmethod
    async def inject(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """Do the harm. Doing it twice does no more."""

    async def facts(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """What is to be seen of the fault while it lasts."""
        return {}

    async def undo(self, scene: Scene, aim: Mapping[str, Json]) -> None:
        """End the fault. Undoing what was never done, or twice, is fine."""
        return  # a fault such as a kill leaves nothing that could be undone

    async def after(self, scene: Scene, aim: Mapping[str, Json]) -> dict[str, Json]:
        """What is to be seen once the fault has been undone and the cluster is whole."""
        return {}

    async def outstanding(self, scene: Scene, aim: Mapping[str, Json]) -> str:
        """What shows that the fault is not over yet, beyond what any look at the cluster shows."""
        return ""


@cache
def performers() -> dict[str, Performer]:
    """All performers by name."""
    found = {}
    for each in pkgutil.iter_modules(__path__):
        performer = getattr(importlib.import_module(f"{__name__}.{each.name}"), "PERFORMER", None)
        if performer is not None:
            found[each.name.replace("_", "-")] = performer
    return found


def chance(seed: int, part: str) -> random.Random:
    """The choices of one part of a run: the same for the same seed, whoever asks and when."""
    return random.Random(f"{seed}:{part}")  # noqa: S311 - it has to be replayable, not secret
