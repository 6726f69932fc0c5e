"""The second currency: resources, changes and plans.

A desired state and an observed state are both a mapping from resource id to `Resource`. A plan
is the ordered set of changes that turns one into the other. Secrets stand in resources as
references or digests only, so that every value here may be shown, stored and logged.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A value that JSON can hold: None, bool, int, float, str, and lists and dicts of them."""


class Disruption(enum.StrEnum):
    """What an application notices of a change, from nothing to loss. Ordered by `rank`."""

    NONE = "none"
    RELOAD = "reload"
    RESTART = "restart"
    SWITCHOVER = "switchover"
    REPLACE = "replace"
    DATA_LOSS = "data-loss"

    @property
    def rank(self) -> int:
        """0 for `none` to 5 for `data-loss`."""
        return list(Disruption).index(self)


class Action(enum.StrEnum):
    """What a change does to its target."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing the platform answers for.

    `id` is a path that is unique in one database's state (`node/1/file/patroni.yml`,
    `role/orders_owner`); `kind` chooses who observes and performs it (`file`, `role`);
    `attributes` are JSON values, compared by equality; `after` names resource ids that have to
    be in place first; `reason` says in a clause why it is wanted.
    """

    id: str
    kind: str
    attributes: Mapping[str, Json] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    reason: str = ""


State: TypeAlias = Mapping[str, Resource]


def state(resources: Iterable[Resource]) -> dict[str, Resource]:
    """Key resources by id. Raises ValueError when two share one id."""
    found: dict[str, Resource] = {}
    for resource in resources:
        if resource.id in found:
            raise ValueError(f"two resources have the id {resource.id!r}")
        found[resource.id] = resource
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a plan, durable and idempotent when performed.

    `id` is `<action> <target>`; `target` is the resource id; `before` and `after` are the
    resource's attributes (None where there is no resource); `needs` are ids of changes in the
    same plan that come first; `undo` says in words how to go back; `preconditions` are sentences
    that have to hold when the step starts.
    """

    id: str
    kind: str
    action: Action
    target: str
    before: Mapping[str, Json] | None
    after: Mapping[str, Json] | None
    disruption: Disruption = Disruption.NONE
    reason: str = ""
    undo: str = ""
    preconditions: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Plain JSON, keys in declaration order."""
        return {
            "id": self.id,
            "kind": self.kind,
            "action": str(self.action),
            "target": self.target,
            "before": None if self.before is None else dict(self.before),
            "after": None if self.after is None else dict(self.after),
            "disruption": str(self.disruption),
            "reason": self.reason,
            "undo": self.undo,
            "preconditions": list(self.preconditions),
            "needs": list(self.needs),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Change:
        """The inverse of `to_json`."""
        return cls(
            id=data["id"],
            kind=data["kind"],
            action=Action(data["action"]),
            target=data["target"],
            before=data["before"],
            after=data["after"],
            disruption=Disruption(data["disruption"]),
            reason=data["reason"],
            undo=data["undo"],
            preconditions=tuple(data["preconditions"]),
            needs=tuple(data["needs"]),
        )


def difference(
    before: Mapping[str, Json], after: Mapping[str, Json]
) -> tuple[dict[str, Json], dict[str, Json]]:
    """The parts of two mappings that differ, nested mappings likewise.

    A key that stands on one side only is absent on the other.
    """
    left: dict[str, Json] = {}
    right: dict[str, Json] = {}
    for key in [*before, *(each for each in after if each not in before)]:
        old, new = before.get(key), after.get(key)
        if key in before and key in after and old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            left[key], right[key] = difference(old, new)
            continue
        if key in before:
            left[key] = old
        if key in after:
            right[key] = new
    return left, right


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply of one database would do, in an order in which `needs` come first.

    `digest` is over the changes: two plans with one digest do the same.
    """

    database: str
    changes: tuple[Change, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the changes, in hexadecimal."""
        text = json.dumps(
            [change.to_json() for change in self.changes], sort_keys=True, separators=(",", ":")
        )
        return hashlib.sha256(f"{self.database}\n{text}".encode()).hexdigest()

    @property
    def disruption(self) -> Disruption:
        """The worst disruption of all changes; `none` for an empty plan."""
        return max(
            (change.disruption for change in self.changes),
            key=lambda disruption: disruption.rank,
            default=Disruption.NONE,
        )
