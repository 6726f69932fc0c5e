"""What a node's server really runs with, held against what the platform wants it to run with.

The files on disk tell only half of it: a value may have been put into another file, or still be
in force from an earlier start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import psycopg

from holdfast.core.errors import Error
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.parameters import same_value
from holdfast.engines.postgresql.render_patroni import wanted_parameters

# `reset_val`, because `setting` depends on the session: keepalives read as 0 on a Unix socket.
_QUERY = """
select name, current_setting(name), reset_val, unit, vartype, source, pending_restart
from pg_catalog.pg_settings
where lower(name) = any(%s) or pending_restart
"""

# What a role, a database or a client set hides the server's own value, which cannot be seen then;
# what the server worked out by itself (`override`) is nobody's wish.
_OF_THE_SERVER = frozenset(
    {"default", "configuration file", "command line", "environment variable"}
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of `pg_settings`; `shown` is the value with its unit, `value` without."""

    name: str
    shown: str
    value: str
    unit: str | None
    vartype: str
    source: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Running:
    """The parameters of a running server.

    `values` has those that the platform sets, by name in lower case; `deviating` what is in force
    instead of the wanted value, readably; `waiting` names those that wait for a restart.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    deviating: Mapping[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()


def compared(wanted: Mapping[str, str], found: Iterable[Setting]) -> Running:
    """The wanted values against those found. A parameter that was not found is left out."""
    by_name = {name.lower(): value for name, value in wanted.items()}
    values: dict[str, str] = {}
    deviating: dict[str, str] = {}
    waiting: list[str] = []
    for each in found:
        if each.waits:
            waiting.append(each.name)
        value = by_name.get(each.name.lower())
        if value is None:
            continue
        values[each.name.lower()] = each.value
        same = same_value(each.name, value, each.value, each.unit, each.vartype)
        if not same and not each.waits and each.source in _OF_THE_SERVER:
            deviating[each.name] = f"{each.shown} instead of {value}"
    return Running(values, dict(sorted(deviating.items())), tuple(sorted(waiting)))


async def running_parameters(
    cluster: Cluster, node: Node, doors: Doors, told: Mapping[str, str] | None = None
) -> Running | None:
    """What the node's server runs with; None while it cannot be asked.

    It is held against the document, or against `told`, what it has been told to run with so far.
    """
    wanted = wanted_parameters(cluster, node) if told is None else told
    try:
        async with doors.connect(node, bare=True) as connection:
            rows = await connection.execute(_QUERY, [[name.lower() for name in wanted]])
            found = [Setting(*row) for row in await rows.fetchall()]
    except (Error, psycopg.Error):
        return None
    return compared(wanted, found)
