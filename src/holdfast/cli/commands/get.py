"""`get`, `describe`, `promises`: looking."""

from __future__ import annotations

import click

from holdfast.cli import operate, options
from holdfast.cli import output as printing
from holdfast.cli.client import connect
from holdfast.core.change import Json
from holdfast.core.units import show_bytes
from holdfast.providers.settings import Settings

KINDS = ("databases", "tiers", "operations", "backups", "promises", "schedule")


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
    """List databases, tiers, operations, backups, promises or what runs next.

    With NAME: the one of that name; of backups, promises and the schedule, those of that database.
    """
    client = connect(where)
    if kind == "operations":
        found = client.get("operations") if name is None else [client.get("operations", name)]
        operate.show(found, output)
    elif kind == "tiers":
        _show_tiers([tier for tier in client.get("tiers") if name in (None, tier["name"])], output)
    elif kind == "backups":
        _show_backups(client.get("backups", database=name), output)
    elif kind == "schedule":
        _show_schedule(client.get("schedule", database=name), output)
    elif kind == "promises":
        _show_promises(client.get("promises", database=name), output)
    elif name is None:
        _show_databases(client.get("databases"), output)
    else:
        _show_databases([client.get("databases", name)], output)


@click.command(
    epilog="""\b
Examples:
  holdfast promises
  holdfast promises orders
"""
)
@click.argument("name", required=False)
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
  holdfast describe orders -o json
"""
)
@click.argument("name")
@click.option("--parameters", is_flag=True, help="Every parameter with its reason and source.")
@options.output
@options.home
def describe(name: str, parameters: bool, output: str, where: Settings) -> None:
    """Show one database with its nodes."""
    client = connect(where)
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


def _show_databases(found: list[Json], how: str) -> None:
    rows = found
    if how == "table":
        rows = [
            {
                **one,
                "ready": f"{sum(_is_up(node) for node in one['nodes'])}/{len(one['nodes'])}",
                "age": printing.age(one["created_at"]),
            }
            for one in found
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


def _show_tiers(found: list[Json], how: str) -> None:
    rows = found
    if how == "table":
        rows = [{**one, "nodes": one["nodes"]["default"]} for one in found]
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
            }
            for one in found
        ]
    fields = ("database", "label", "kind", "state", "size", "stored", "took", "age")
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
