"""`op`: operations, seen from outside."""

from __future__ import annotations

import click

from holdfast.cli import operate, options, output
from holdfast.cli.client import connect
from holdfast.cli.operate import Waiting
from holdfast.cli.views import step_seconds
from holdfast.core.change import Json
from holdfast.core.units import show_duration
from holdfast.providers.settings import Settings


@click.group(
    epilog="""\b
Examples:
  holdfast op list
  holdfast op watch op-7k2m9qwd4
"""
)
def op() -> None:
    """List, show, watch and cancel operations."""


@op.command(
    "list",
    epilog="""\b
Examples:
  holdfast op list
  holdfast op list --database orders --state failed
  holdfast op list -o json
""",
)
@click.option(
    "--database", type=options.DatabaseName(), metavar="NAME", help="Of one database only."
)
@click.option(
    "--state",
    type=click.Choice(["queued", "running", "succeeded", "failed", "cancelled"]),
    help="In one state only.",
)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True,
              help="How many at most.")  # fmt: skip
@options.output
@options.home
def list_operations(
    database: str | None, state: str | None, limit: int, output: str, where: Settings
) -> None:
    """List operations, newest first."""
    found = connect(where).get("operations", database=database, state=state, limit=limit)
    operate.show(found, output)


@op.command(
    epilog="""\b
Examples:
  holdfast op show op-7k2m9qwd4
  holdfast op show op-7k2m9qwd4 --log
"""
)
@click.argument("operation_id", metavar="ID", type=options.OperationId())
@click.option("--log", is_flag=True, help="Print its log too.")
@options.output
@options.home
def show(operation_id: str, log: bool, output: str, where: Settings) -> None:
    """Show one operation with its steps and their times."""
    client = connect(where)
    events = _everything(client.get, operation_id)
    if output != "table":
        _print(events | events.pop("operation"), output)
        return
    operate.show([events["operation"]], "table")
    click.echo()
    _print_steps(events["steps"])
    if log:
        click.echo()
        for line in events["log"]:
            click.echo(f"{line['at'][11:23]}  {line['level']:<7}  {line['text']}")
    if events["operation"]["state"] in ("failed", "cancelled"):
        operate.complain(events["operation"])


def _everything(get: Json, operation_id: str) -> dict[str, Json]:
    """All events, whose log comes in portions."""
    events = get("operations", operation_id, "events", after=-1, wait_s=0)
    while True:
        more = get("operations", operation_id, "events", after=events["cursor"], wait_s=0)
        events["log"] += more["log"]
        if more["cursor"] == events["cursor"] or not more["log"]:
            return dict(events)
        events["cursor"] = more["cursor"]


def _print(data: Json, how: str) -> None:
    output.show(data, how, name="id")


def _print_steps(steps: list[Json]) -> None:
    rows = []
    for step in steps:
        took_s = step_seconds(step)
        took = "" if took_s is None else show_duration(took_s)
        again = "" if step["attempts"] <= 1 else f"{step['attempts']} attempts"
        rows.append([step["seq"], step["name"], step["state"], took, again])
    click.echo(output.table(rows, ["#", "step", "state", "took", ""]), nl=False)


@op.command(
    epilog="""\b
Examples:
  holdfast op watch op-7k2m9qwd4
  holdfast op watch op-7k2m9qwd4 --timeout 10m
"""
)
@click.argument("operation_id", metavar="ID", type=options.OperationId())
@click.option("--timeout", "timeout_s", type=options.Duration(), metavar="DURATION",
              help="Stop watching after this long (30s, 10m); the operation goes on.")  # fmt: skip
@options.output
@options.home
def watch(operation_id: str, timeout_s: float | None, output: str, where: Settings) -> None:
    """Follow an operation to its end, and end as it does."""
    client = connect(where)
    operation = client.get("operations", operation_id)
    operate.conclude(client, operation, Waiting(False, timeout_s, "wait"), how=output)


@op.command(
    epilog="""\b
Examples:
  holdfast op cancel op-7k2m9qwd4
"""
)
@click.argument("operation_id", metavar="ID", type=options.OperationId())
@options.output
@options.home
def cancel(operation_id: str, output: str, where: Settings) -> None:
    """Ask an operation to stop between two steps."""
    operation = connect(where).post("operations", operation_id, "cancel")
    operate.show(operation, output)
