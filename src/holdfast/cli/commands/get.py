"""`get`, `describe`, `promises`: looking."""

from __future__ import annotations

import click

from holdfast.cli import operate, options
from holdfast.cli import output as printing
from holdfast.cli.client import Client, connect
from holdfast.core.change import Json
from holdfast.core.errors import NotFound
from holdfast.core.units import show_bytes
from holdfast.providers.settings import Settings

KINDS = ("databases", "tiers", "operations", "backups", "promises", "schedule", "alarms")


@click.command(
    epilog="""\b
Examples:
  holdfast get databases
  holdfast get databases orders -o json
  holdfast get backups orders
  holdfast get schedule
"""
)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name", required=False)
@options.output
@options.home
def get(kind: str, name: str | None, output: str, where: Settings) -> None:
    """List databases, tiers, operations, backups, promises, alarms or what runs next.

    With NAME: the one of that name, and as JSON or YAML itself instead of a list; of backups,
    promises, alarms and the schedule, those of that database.
    """
    name = _checked(kind, name)
    client = connect(where)
    if kind == "backups":
        _show_backups(client.get("backups", database=name), output)
    elif kind == "schedule":
        _show_schedule(client.get("schedule", database=name), output)
    elif kind == "alarms":
        _show_alarms(client.get("alarms", database=name), output)
    elif kind == "promises":
        _show_promises(client.get("promises", database=name), output)
    elif kind == "tiers":
        tiers = client.get("tiers")
        _show_tiers(tiers if name is None else _tier(tiers, name), output)
    else:
        show = _show_databases if kind == "databases" else operate.show
        show(client.get(kind) if name is None else client.get(kind, name), output)


def _checked(kind: str, name: str | None) -> str | None:
    """The name, if it can be one of this kind. Raises a usage error."""
    if name is None or kind == "tiers":
        return name
    wanted = options.OperationId() if kind == "operations" else options.DatabaseName()
    context = click.get_current_context()
    parameter = next(each for each in context.command.params if each.name == "name")
    return wanted.convert(name, parameter, context)


def _tier(tiers: list[Json], name: str) -> Json:
    for tier in tiers:
        if tier["name"] == name:
            return tier
    raise NotFound(
        f"there is no tier {name!r}",
        subject="tiers",
        hint=f"choose one of {', '.join(tier['name'] for tier in tiers)}",
    )


@click.command(
    epilog="""\b
Examples:
  holdfast promises
  holdfast promises orders
"""
)
@click.argument("name", type=options.DatabaseName(), required=False)
@options.output
@options.home
def promises(name: str | None, output: str, where: Settings) -> None:
    """Show what is promised, and how it is proven."""
    _show_promises(connect(where).get("promises", database=name), output)


@click.command(
    epilog="""\b
Examples:
  holdfast describe orders
  holdfast describe orders --parameters
  holdfast describe backup orders/20261120-103028F
  holdfast describe orders -o json
"""
)
@click.argument("name", type=options.DatabaseName())
@click.argument("backup", required=False, metavar="[NAME/LABEL]")
@click.option("--parameters", is_flag=True, help="Every parameter with its reason and source.")
@options.output
@options.home
def describe(name: str, backup: str | None, parameters: bool, output: str, where: Settings) -> None:
    """Show one database with its nodes, or one backup.

    `describe backup NAME/LABEL` shows a backup: its chain, its WAL, and what has proven it.
    """
    client = connect(where)
    if backup is not None:
        _describe_backup(client, name, backup, output)
        return
    if parameters:
        _show_parameters(client.get("databases", name, "parameters"), output)
        return
    database = client.get("databases", name)
    if output == "table":
        _describe(database)
        _show_schedule(client.get("schedule", database=name), "table")
        click.echo(f"\nconnect: holdfast connect {name} [--dsn]")
    else:
        printing.show({**database, "schedule": client.get("schedule", database=name)}, output)


def _describe_backup(client: Client, kind: str, which: str, how: str) -> None:
    database, _, label = which.partition("/")
    if kind != "backup" or not label:
        raise click.UsageError("write `describe backup NAME/LABEL`", click.get_current_context())
    found = client.get("backups", database, label)
    if how != "table":
        printing.show(found, how, name="label")
        return
    detail = found["detail"]
    position = detail.get("lsn") or {}
    rows = {
        "database": found["database"],
        "label": found["label"],
        "type": found["kind"],
        "state": found["state"],
        "began": found["started_at"],
        "ended": found["finished_at"],
        "restores to": _bytes(found["size_bytes"]),
        "takes up": _bytes(found["stored_bytes"]),
        "WAL": f"{detail.get('wal_start')} to {detail.get('wal_stop')}",
        "positions": f"{position.get('start')} to {position.get('stop')}",
        "chain": " > ".join(detail.get("chain") or [found["label"]]),
        "proven": found["proven_at"] and f"{found['proven_at']} by {found['proven_by']}",
    }
    for label, value in rows.items():
        click.echo(f"{label:<12} {value or 'no'}")


def _show_databases(found: Json, how: str) -> None:
    rows = found
    if how == "table":
        rows = [
            {
                **one,
                "ready": f"{sum(_is_up(node) for node in one['nodes'])}/{len(one['nodes'])}",
                "age": printing.age(one["created_at"]),
            }
            for one in _listed(found)
        ]
    fields = ("name", "phase", "ready", "leader", "tier", "size", "version", "environment", "age")
    printing.show(rows, how, columns={field: field for field in fields})


def _is_up(node: Json) -> bool:
    return node["state"] in ("running", "streaming")


def _describe(database: Json) -> None:
    for label in ("name", "phase", "owner", "environment", "tier", "size", "engine", "version"):
        click.echo(f"{label:<12} {database[label]}")
    click.echo()
    nodes = [
        [
            node["name"],
            f"{node['address']}:{node['port']}",
            node["role"],
            node["state"],
            node["timeline"],
            None if node["lag_bytes"] is None else show_bytes(node["lag_bytes"]),
            "yes" if node["waits_for_restart"] else "",
        ]
        for node in database["nodes"]
    ]
    headings = ["node", "address", "role", "state", "timeline", "lag", "waits for restart"]
    click.echo(printing.table(nodes, headings))
    endpoints = [
        [endpoint["kind"], endpoint["access"], ", ".join(endpoint["hosts"])]
        for endpoint in database["endpoints"]
    ]
    click.echo(printing.table(endpoints, ["endpoint", "access", "hosts"]))
    _describe_archive(database["archive"])
    for alarm in database["alarms"]:
        click.echo(f"{alarm['severity']}: {alarm['message']} ({alarm['finding']})")
        click.echo(f"  hint: {alarm['hint']}")


def _describe_archive(seen: Json) -> None:
    if seen is None:
        return
    waiting = f"{seen['queue']} segments wait" if seen["queue"] else "none waits"
    behind = "" if seen["unarchived_bytes"] is None else _bytes(seen["unarchived_bytes"])
    rows = [
        ["last archived", seen["last_archived"]],
        ["age", printing.age(seen["last_archived_at"]) if seen["last_archived_at"] else None],
        ["queue", waiting],
        ["not archived yet", behind],
        ["gaps", "; ".join([*seen["open_gaps"], *seen["old_gaps"]]) or "none"],
        ["looked at", f"{printing.age(seen['at'])} ago"],
    ]
    click.echo(printing.table(rows, ["archive", ""]))


def _show_alarms(found: list[Json], how: str) -> None:
    rows = found
    if how == "table":
        rows = [{**one, "since": printing.age(one["began_at"])} for one in found]
    fields = ("database", "severity", "finding", "since", "message")
    printing.show(rows, how, columns={field: field for field in fields}, name="finding")


def _listed(found: Json) -> list[Json]:
    return found if isinstance(found, list) else [found]


def _show_tiers(found: Json, how: str) -> None:
    rows = found
    if how == "table":
        rows = [{**one, "nodes": one["nodes"]["default"]} for one in _listed(found)]
    fields = ("name", "availability", "rpo", "rto", "nodes", "synchronous", "description")
    printing.show(rows, how, columns={field: field for field in fields})


def _show_parameters(found: list[Json], how: str) -> None:
    rows = found
    if how == "table":
        rows = [
            {**one, "restart": "yes" if one["context"] == "postmaster" else ""} for one in found
        ]
    fields = ("name", "value", "restart", "reason", "source")
    printing.show(rows, how, columns={field: field for field in fields})


def _show_backups(found: list[Json], how: str) -> None:
    rows = found
    if how == "table":
        rows = [
            {
                **one,
                "age": printing.age(one["finished_at"]),
                "took": printing.took(one["started_at"], one["finished_at"]),
                "size": _bytes(one["size_bytes"]),
                "stored": _bytes(one["stored_bytes"]),
                "proven": printing.age(one["proven_at"]) if one["proven_at"] else "",
            }
            for one in found
        ]
    fields = ("database", "label", "kind", "state", "size", "stored", "took", "age", "proven")
    printing.show(rows, how, columns={field: field for field in fields}, name="label")


def _show_schedule(found: list[Json], how: str) -> None:
    rows = found
    if how == "table":
        rows = [
            {
                **one,
                "last": printing.age(one["last_at"]),
                "next": printing.ahead(one["starts_at"]),
                "late": printing.rough(one["late_s"]) if one["late_s"] else "",
            }
            for one in found
        ]
    fields = ("database", "task", "last", "next", "state", "late", "reason")
    printing.show(rows, how, columns={field: field for field in fields}, name="task")


def _bytes(count: int | None) -> str:
    return "" if count is None else show_bytes(count)


def _show_promises(found: list[Json], how: str) -> None:
    rows = found
    if how == "table":
        rows = [
            {
                **one,
                "age": "" if one["age_s"] is None else printing.rough(one["age_s"]),
                "next": printing.ahead(one["next_at"]),
                "evidence": one["evidence_id"],
            }
            for one in found
        ]
    fields = (
        *("database", "statement", "target", "verdict", "measured", "age", "next"),
        *("evidence", "reason"),
    )
    printing.show(rows, how, columns={field: field for field in fields}, name="id")
