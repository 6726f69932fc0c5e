"""A plan in words. Pure."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Mapping

from holdfast.core.change import Action, Change, Disruption, Json, Plan

_MARKS = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-"}
_WORDS = {Action.CREATE: "create", Action.UPDATE: "change", Action.DELETE: "delete"}
_LONGEST_VALUE = 60
_WIDEST_TARGET = 50
_DIFF_LINES = 12
_FEW = 20
"""Up to so many changes are shown one by one, whatever they are."""
_LONGEST_LIST = 72


def plan_text(plan: Plan, *, full: bool = False) -> str:
    """Every change with what it changes, grouped by kind and in the plan's order.

    A new database is all creations: then there is a line a kind, unless `full` is set.
    """
    if not plan.changes:
        return f"{plan.database}: no changes\n"
    if not full and _is_birth(plan):
        return _birth_text(plan)
    lines = [f"{plan.database}: {count_text(plan)}"]
    groups: dict[str, list[Change]] = {}
    for change in plan.changes:
        groups.setdefault(change.kind, []).append(change)
    for kind, changes in groups.items():
        lines += ["", f"  {kind}"]
        widest = max(len(_headline(change)) for change in changes)
        for change in changes:
            lines += [f"    {line}" for line in _change(change, min(widest, _WIDEST_TARGET))]
    return "\n".join(lines) + "\n"


def _is_birth(plan: Plan) -> bool:
    """Whether the plan makes a database out of nothing."""
    return len(plan.changes) > _FEW and all(
        change.action is Action.CREATE for change in plan.changes
    )


def _birth_text(plan: Plan) -> str:
    kinds: dict[str, list[str]] = {}
    for change in plan.changes:
        kinds.setdefault(change.kind, []).append(change.target)
    widest = max(len(kind) for kind in kinds)
    lines = [f"{plan.database}: a new database; {count_text(plan)}", ""]
    for kind, targets in kinds.items():
        names = ", ".join(targets)
        if len(names) > _LONGEST_LIST:
            names = names[:_LONGEST_LIST].rpartition(", ")[0] + ", ..."
        lines.append(f"  + {len(targets):>2} {kind:<{widest}}  {names}")
    lines += ["", "  every change with its reason: holdfast plan --full"]
    return "\n".join(lines) + "\n"


def count_text(plan: Plan) -> str:
    """`3 to create, 1 to change; worst disruption: restart`."""
    counted = Counter(change.action for change in plan.changes)
    parts = [f"{counted[action]} to {_WORDS[action]}" for action in Action if counted[action]]
    worst = plan.disruption
    tail = "no disruption" if worst is Disruption.NONE else f"worst disruption: {worst}"
    return f"{', '.join(parts) or 'no changes'}; {tail}"


def _headline(change: Change) -> str:
    disruption = "" if change.disruption is Disruption.NONE else f"  [{change.disruption}]"
    return f"{_MARKS[change.action]} {change.target}{disruption}"


def _change(change: Change, width: int) -> Iterator[str]:
    yield f"{_headline(change):<{width}}  {change.reason}".rstrip()
    if change.action is Action.UPDATE:
        for line in _differences(change.before or {}, change.after or {}):
            yield f"    {line}"
    if change.action is Action.DELETE and change.undo:
        yield f"    to undo: {change.undo}"


def _differences(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            for line in _differences(old, new):
                yield f"{name}.{line}"
        elif _is_text(old) and _is_text(new):
            yield f"{name}:"
            yield from _diff(str(old), str(new))
        elif _is_long_list(old) or _is_long_list(new):
            yield f"{name}:"
            yield from _diff(_lines(old), _lines(new))
        else:
            yield f"{name}: {_value(old)} -> {_value(new)}"


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and "\n" in value


def _is_long_list(value: Json) -> bool:
    return isinstance(value, list) and len(_whole(value)) > _LONGEST_VALUE


def _lines(value: Json) -> str:
    items = value if isinstance(value, list) else [] if value is None else [value]
    return "\n".join(item if isinstance(item, str) else _whole(item) for item in items)


def _diff(old: str, new: str) -> Iterator[str]:
    lines = [
        line
        for line in difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    yield from (f"  {line[:100]}" for line in lines[:_DIFF_LINES])
    if len(lines) > _DIFF_LINES:
        yield f"  ... and {len(lines) - _DIFF_LINES} more lines"


def _value(value: Json) -> str:
    if value is None:
        return "(none)"
    text = _whole(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def _whole(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
