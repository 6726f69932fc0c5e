"""What an application notices of each kind of change, and how to go back. Pure tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holdfast.core.change import Action, Disruption, Json
from holdfast.engines.postgresql.parameters_contexts import context
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
    """A parameter that only a start can set means a rolling restart, the leader last."""
    old = before.get("postgresql", {}).get("parameters", {})
    new = after.get("postgresql", {}).get("parameters", {})
    if any(context(SUPPORTED_VERSIONS[-1], name) == "postmaster" for name in {*old, *new}):
        return Disruption.SWITCHOVER
    return Disruption.RELOAD


def _member(before: Mapping[str, Json], after: Mapping[str, Json]) -> Disruption:
    if before.get("state") not in (None, after.get("state")):
        # The node serves nobody as it is.
        return Disruption.NONE
    if before.get("waits_for_restart"):
        return Disruption.SWITCHOVER
    return Disruption.RELOAD


def _process(before: Mapping[str, Json], after: Mapping[str, Json]) -> Disruption:
    """A process that does not run disturbs nobody by being started; another definition does.

    The agent is a kind of its own: nobody is connected to it, and the poolers serve on without.
    """
    return Disruption.RESTART if "definition" in after else Disruption.NONE


def _files(before: Mapping[str, Json], after: Mapping[str, Json]) -> Disruption:
    return Disruption.RELOAD


_UPDATES: Mapping[str, Callable[[Mapping[str, Json], Mapping[str, Json]], Disruption]] = {
    "configuration": _configuration,
    "member": _member,
    "process": _process,
    "files": _files,
    "certificates": _files,
}

_DELETES: Mapping[str, Disruption] = {
    "node": Disruption.SWITCHOVER,
}

_UNDO_DELETE: Mapping[str, str] = {
    "node": "apply the earlier document: the node is copied anew from the leader",
}

_BORN_WITH_CLUSTER = frozenset(
    {"etcd-user", "configuration", "folders", "certificates", "files", "process", "agent", "member"}
)
