"""The planner: two states in, changes out. Pure.

A change is planned where the desired and the observed attributes differ. What was observed and is
not wanted any more goes away last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from holdfast.core.change import (
    Action,
    Change,
    Disruption,
    Json,
    Plan,
    Resource,
    State,
    difference,
)
from holdfast.engines.postgresql.disruption import disruption, undo

MOVING = frozenset({"leader", "member", "process", "agent", "archive"})
"""Kinds of resources whose state changes without anybody's doing."""

DOCUMENT = "document"
"""Kind of the change that takes another document over; it is done when a plan is accepted."""

_NODE = re.compile(r"node/\d+(/member)?$")


def plan(database: str, desired: State, observed: State, *, leader: int | None = None) -> Plan:
    """The changes that turn `observed` into `desired`, each behind those that it needs.

    The node that leads, by its ordinal, comes after the others: then its role moves once, to one
    that is done. Planning again after all changes were performed gives an empty plan; after some
    of them, the rest. Raises ValueError when resources wait for each other in a circle.
    """
    targets = [*desired, *(each for each in observed if each not in desired)]
    wanted = {
        target: _change(desired.get(target), observed.get(target))
        for target in sorted(targets, key=lambda each: each.startswith(f"node/{leader}/"))
        if _differs(desired.get(target), observed.get(target))
    }
    if _is_alone(desired, observed):
        wanted = {target: _restarting(change) for target, change in wanted.items()}
    linked = [replace(change, needs=_needs(change, desired, wanted)) for change in wanted.values()]
    return Plan(database, tuple(_one_restart_at_a_time(in_order(linked))))


def simulate(observed: State, desired: State, changes: Iterable[Change]) -> dict[str, Resource]:
    """What would be observed after `changes`, if each of them did what it says."""
    after = dict(observed)
    for change in changes:
        if change.action is Action.DELETE:
            after.pop(change.target, None)
        else:
            after[change.target] = desired[change.target]
    return after


def passes(change: Change) -> bool:
    """Whether it may come right by itself: a member that starts, a leader that is elected."""
    if change.action is not Action.UPDATE or change.disruption is not Disruption.NONE:
        return False
    old, new = difference(change.before or {}, change.after or {})
    return change.kind in MOVING and {*old, *new} == {"state"}


def moved(saved: Plan, fresh: Plan) -> str:
    """What is different now from the plan that somebody agreed to, in a sentence; empty if nothing.

    What passes by itself may come and go meanwhile, and a new node may get another address:
    neither is what was agreed to. The very document may have been taken over already.
    """
    old, new = (
        {change.id: change for change in each.changes if not passes(change)}
        for each in (saved, fresh)
    )
    parts = [
        f"{word} {', '.join(ids[:3])}{f' and {len(ids) - 3} more' if len(ids) > 3 else ''}"
        for word, ids in (
            ("done or gone:", [id for id in old if id not in new and old[id].kind != DOCUMENT]),
            ("new:", [id for id in new if id not in old]),
            (
                "different:",
                [id for id in new if id in old and _intent(new[id]) != _intent(old[id])],
            ),
        )
        if ids
    ]
    return "; ".join(parts)


def _intent(change: Change) -> Json:
    before = {key: value for key, value in (change.before or {}).items() if key != "state"}
    after = None if change.action is Action.CREATE else change.after
    return [before, after, str(change.disruption)]


def in_order(changes: Iterable[Change]) -> list[Change]:
    """The changes with every need before what needs it, otherwise as they came."""
    waiting = list(changes)
    known = {change.id for change in waiting}
    ordered: list[Change] = []
    done: set[str] = set()
    while waiting:
        ready = [each for each in waiting if done.issuperset(known.intersection(each.needs))]
        if not ready:
            circle = ", ".join(each.target for each in waiting)
            raise ValueError(f"these changes wait for each other: {circle}")
        # One at a time keeps the order of the input wherever the needs allow it.
        ordered.append(ready[0])
        done.add(ready[0].id)
        waiting.remove(ready[0])
    return ordered


def _differs(desired: Resource | None, observed: Resource | None) -> bool:
    if desired is None or observed is None:
        return True
    return dict(desired.attributes) != dict(observed.attributes)


def _change(desired: Resource | None, observed: Resource | None) -> Change:
    resource = desired or observed
    assert resource is not None
    before: Mapping[str, Json] | None = None if observed is None else observed.attributes
    after: Mapping[str, Json] | None = None if desired is None else desired.attributes
    action = Action.CREATE if before is None else Action.DELETE if after is None else Action.UPDATE
    differing = (
        difference(before, after) if before is not None and after is not None else (before, after)
    )
    return Change(
        id=f"{action} {resource.id}",
        kind=resource.kind,
        action=action,
        target=resource.id,
        before=before,
        after=after,
        disruption=disruption(resource.kind, action, *differing),
        reason=_reason(desired, action),
        undo=undo(resource.kind, action),
    )


def _is_alone(desired: State, observed: State) -> bool:
    """Whether the cluster has one node only, and so nobody to hand over to."""
    return len({id for id in (*desired, *observed) if _NODE.match(id)}) == 1


def _restarting(change: Change) -> Change:
    if change.disruption is Disruption.SWITCHOVER:
        return replace(change, disruption=Disruption.RESTART)
    return change


def _reason(desired: Resource | None, action: Action) -> str:
    if desired is None:
        return "not in the document any more"
    if action is Action.CREATE:
        return desired.reason
    return f"differs from the document: {desired.reason}" if desired.reason else "differs"


def _needs(change: Change, desired: State, changes: Mapping[str, Change]) -> tuple[str, ...]:
    if change.action is Action.DELETE:
        # Nothing goes before everything that replaces it has come.
        return tuple(each.id for each in changes.values() if each.action is not Action.DELETE)
    needs = [changes[each].id for each in _ancestors(change.target, desired, changes)]
    before, _ = difference(change.before or {}, change.after or {})
    if change.kind == "agent" and "definition" in before:
        # Agents hold the clients while a server restarts, so none is replaced before that.
        needs += [each.id for each in changes.values() if _restarts(each)]
    configuration = changes.get("configuration")
    if change.kind == "files" and configuration and _raises_connections(configuration):
        # Larger pools would ask the servers for more than they have until then.
        needs.append(configuration.id)
    return tuple(dict.fromkeys(needs))


def _raises_connections(configuration: Change) -> bool:
    if configuration.action is not Action.UPDATE:
        return False
    old, new = (
        (each or {}).get("postgresql", {}).get("parameters", {}).get("max_connections")
        for each in (configuration.before, configuration.after)
    )
    return old is not None and new is not None and int(new) > int(old)


def _restarts(change: Change) -> bool:
    return change.action is not Action.DELETE and change.disruption.rank >= Disruption.RESTART.rank


def _one_restart_at_a_time(ordered: list[Change]) -> Iterator[Change]:
    """Have each restart wait for the ones before it, which also saw that all is well again."""
    restarts: list[str] = []
    for change in ordered:
        if change.disruption.rank < Disruption.RESTART.rank:
            yield change
            continue
        yield replace(change, needs=tuple(dict.fromkeys((*change.needs, *restarts))))
        restarts.append(change.id)


def _ancestors(target: str, desired: State, changes: Mapping[str, Change]) -> list[str]:
    """The nearest changed resources that `target` comes after, through unchanged ones."""
    found: list[str] = []
    seen: set[str] = set()
    waiting = list(desired[target].after)
    while waiting:
        each = waiting.pop(0)
        if each in seen or each not in desired:
            continue
        seen.add(each)
        if each in changes:
            found.append(each)
        else:
            waiting.extend(desired[each].after)
    return found
