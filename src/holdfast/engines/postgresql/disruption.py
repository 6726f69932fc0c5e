"""What an application notices of each kind of change, and how to go back. Pure tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from holdfast.core.change import Action, Disruption, Json
from holdfast.engines.postgresql.parameters_contexts import (
    AT_LEAST_AS_ON_THE_LEADER,
    context,
)
from holdfast.engines.postgresql.render import HAS_TO_LEAVE
from holdfast.spec.model import SUPPORTED_VERSIONS

Attributes = Mapping[str, Json] | None


def disruption(kind: str, action: Action, before: Attributes, after: Attributes) -> Disruption:
    """The disruption of one change; kinds that are not in the table disturb nobody."""
    if action is Action.CREATE:
        # Nobody uses yet what is not there.
        return Disruption.NONE
    if action is Action.DELETE:
        return _DELETES.get(kind, Disruption.NONE)
    return _UPDATES.get(kind, _nothing)(before or {}, after or {})


def undo(kind: str, action: Action) -> str:
    """How to go back, in a sentence."""
    if action is Action.DELETE:
        return _UNDO_DELETE.get(kind, "apply the earlier document")
    if action is Action.CREATE:
        return "delete the database" if kind in _BORN_WITH_CLUSTER else "apply the earlier document"
    return "apply the earlier document"


def _nothing(before: Mapping[str, Json], after: Mapping[str, Json]) -> Disruption:
    return Disruption.NONE


def _configuration(before: Mapping[str, Json], after: Mapping[str, Json]) -> Disruption:
    """A parameter that only a start can set means a rolling restart, the leader last.

    A lowered one that replicas may not have less of means that the leader restarts in place.
    """
    old = before.get("postgresql", {}).get("parameters", {})
    new = after.get("postgresql", {}).get("parameters", {})
    if any(_lowered(old.get(name), new.get(name)) for name in AT_LEAST_AS_ON_THE_LEADER):
        return Disruption.RESTART
    return Disruption.SWITCHOVER if _needs_restart({*old, *new}) else Disruption.RELOAD


def _lowered(old: Json, new: Json) -> bool:
    try:
        return int(new) < int(old)
    except (TypeError, ValueError):
        return False


def _needs_restart(names: Iterable[str]) -> bool:
    return any(context(SUPPORTED_VERSIONS[-1], name) == "postmaster" for name in names)


def _member(before: Mapping[str, Json], after: Mapping[str, Json]) -> Disruption:
    if before.get("state") not in (None, after.get("state")):
        # The node serves nobody as it is.
        return Disruption.NONE
    touched = {*before.get("set_by_hand", ()), *before.get("parameters", ())}
    if before.get("waits_for_restart") or _needs_restart(touched):
        return Disruption.SWITCHOVER
    return Disruption.RELOAD


def _process(before: Mapping[str, Json], after: Mapping[str, Json]) -> Disruption:
    """A process that does not run disturbs nobody by being started; another definition does.

    The agent is a kind of its own: nobody is connected to it, and the poolers serve on without.
    """
    return Disruption.RESTART if "definition" in after else Disruption.NONE


def _leader(before: Mapping[str, Json], after: Mapping[str, Json]) -> Disruption:
    leaves = str(before.get("state", "")).endswith(HAS_TO_LEAVE)
    return Disruption.SWITCHOVER if leaves else Disruption.NONE


def _files(before: Mapping[str, Json], after: Mapping[str, Json]) -> Disruption:
    return Disruption.RELOAD


_UPDATES: Mapping[str, Callable[[Mapping[str, Json], Mapping[str, Json]], Disruption]] = {
    "configuration": _configuration,
    "leader": _leader,
    "member": _member,
    "process": _process,
    "files": _files,
    "certificates": _files,
}

_DELETES: Mapping[str, Disruption] = {
    # Whoever is connected to that very node connects anew.
    "node": Disruption.RESTART,
}

_UNDO_DELETE: Mapping[str, str] = {
    "node": "apply the earlier document: the node is copied anew from the leader",
}

_BORN_WITH_CLUSTER = frozenset(
    {"etcd-user", "configuration", "folders", "certificates", "files", "process", "agent", "member"}
)
