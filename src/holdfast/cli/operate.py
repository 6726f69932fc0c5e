"""What every command that starts an operation does: ask, start, follow, say how it ended."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import click

from holdfast.cli import exit_codes, output
from holdfast.cli.client import Client
from holdfast.cli.follow import follow
from holdfast.cli.views import view
from holdfast.cli.words import error_text
from holdfast.core.change import Json
from holdfast.core.errors import Error
from holdfast.workflows import failure

COLUMNS = {
    "id": "id",
    "kind": "kind",
    "database": "database",
    "state": "state",
    "age": "age",
    "took": "took",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the user said about waiting."""

    no_wait: bool
    timeout_s: float | None
    on_conflict: str


def consent(question: str, *, yes: bool) -> None:
    """Ask a person; without one, `--yes` has to have been said. Raises a usage error."""
    if yes:
        return
    if not (sys.stdin.isatty() and output.is_terminal()):
        raise click.UsageError(
            "nobody can be asked here: add --yes", click.get_current_context(silent=True)
        )
    if not click.confirm(question, err=True):
        raise click.Abort


def start(
    client: Client,
    kind: str,
    request: Mapping[str, Json],
    *,
    database: str | None,
    waiting: Waiting,
) -> Mapping[str, Json]:
    """Queue an operation."""
    operation: Mapping[str, Json] = client.post(
        "operations",
        body={
            "kind": kind,
            "database": database,
            "request": dict(request),
            "on_conflict": waiting.on_conflict,
        },
    )
    return operation


def conclude(
    client: Client,
    operations: Mapping[str, Json] | list[Mapping[str, Json]],
    waiting: Waiting,
    *,
    how: str = "table",
    cancel_on_interrupt: bool = False,
) -> list[Mapping[str, Json]]:
    """Follow operations to their end, print and return them, or exit by how they ended.

    One that is given as itself, and not in a list, is printed as one object.
    Without waiting, nothing has ended and nothing is returned. An interrupt leaves the operation
    to go on, unless it is to cancel it. With `how` as `none` nothing is printed.
    """
    given = operations if isinstance(operations, list) else [operations]
    if waiting.no_wait:
        for operation in given:
            output.note(f"rejoin with `holdfast op watch {operation['id']}`")
        show(operations, how)
        return []
    ended = [
        _watched(client, operation, waiting.timeout_s, cancel_on_interrupt) for operation in given
    ]
    if how != "none":
        show(ended if isinstance(operations, list) else ended[0], how)
    worst = exit_codes.OK
    for operation in ended:
        if operation["state"] != "succeeded":
            worst = max(worst, complain(operation))
    if worst != exit_codes.OK:
        raise click.exceptions.Exit(worst)
    return ended


def _watched(
    client: Client, operation: Mapping[str, Json], timeout_s: float | None, cancel: bool
) -> Mapping[str, Json]:
    output.note(f"operation {operation['id']}")
    try:
        return follow(client, operation, view(), timeout_s=timeout_s)
    except KeyboardInterrupt:
        if cancel:
            output.note("\nending it, and undoing what it did; a second Ctrl-C leaves that to it")
            client.post("operations", operation["id"], "cancel")
            return _watched(client, operation, timeout_s, cancel=False)
        output.note(
            f"\noperation {operation['id']} goes on in the background\n"
            f"  rejoin it: holdfast op watch {operation['id']}\n"
            f"  stop it:   holdfast op cancel {operation['id']}"
        )
        raise click.exceptions.Exit(exit_codes.INTERRUPTED) from None


def complain(operation: Mapping[str, Json]) -> int:
    """Say why an operation did not succeed, and return the exit code for it."""
    data = operation["error"]
    if data is None:  # cancelled before it began
        output.note(f"holdfast: operation {operation['id']} was cancelled")
        return exit_codes.FAILED
    error = failure.from_json(data)
    if data["step"]:
        message = f"{operation['kind']} failed at {data['step']!r}: {error.message}"
        error = _with_message(error, message)
    click.echo(error_text(error), err=True, nl=False)
    output.note(f"  log:  holdfast op show {operation['id']} --log")
    return exit_codes.of_error(error.code)


def _with_message(error: Error, message: str) -> Error:
    error.message = message
    return error


def row(operation: Mapping[str, Json]) -> dict[str, Json]:
    """An operation with what a table shows of it."""
    return {
        **operation,
        "age": output.age(operation["created_at"]),
        "took": output.took(operation["started_at"], operation["finished_at"]),
    }


def show(operations: Json, how: str) -> None:
    """Print operations, or one; a report in Markdown is the caller's."""
    if how == "markdown":
        return
    found = operations if isinstance(operations, list) else [operations]
    rows = [row(one) for one in found] if how == "table" else operations
    output.show(rows, how, columns=COLUMNS, name="id")
