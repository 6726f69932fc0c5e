"""Commands that start one operation on one database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from holdfast.cli import exit_codes, options
from holdfast.cli.client import connect
from holdfast.cli.operate import Waiting, conclude, consent, start
from holdfast.cli.proof_text import proof_markdown, proof_text
from holdfast.core.change import Json
from holdfast.core.promise import Verdict
from holdfast.providers.settings import Settings


def _operate(
    kind: str, name: str, request: dict[str, Json], given: dict[str, Any]
) -> list[Mapping[str, Json]]:
    """Start the operation, follow it, print it."""
    client = connect(given["where"])
    waiting = Waiting(given["no_wait"], given["timeout_s"], given["on_conflict"])
    operation = start(client, kind, request, database=name, waiting=waiting)
    return conclude(client, operation, waiting, how=given["output"])


def _prove(kind: str, name: str, request: dict[str, Json], given: dict[str, Any]) -> None:
    """The same, with the verdict: exits with 1 unless it is `proven`."""
    for operation in _operate(kind, name, request, given):
        outcome = operation["outcome"]
        if given["output"] == "markdown":
            click.echo(proof_markdown(operation), nl=False)
        if given["output"] == "table":
            click.echo("\n" + proof_text(outcome), nl=False)
        if outcome["verdict"] != Verdict.PROVEN:
            raise click.exceptions.Exit(exit_codes.FAILED)


@click.command(
    epilog="""\b
Examples:
  holdfast backup orders
  holdfast backup orders --type full --no-wait
"""
)
@click.argument("name", type=options.DatabaseName())
@click.option(
    "--type",
    "--kind",
    "kind",
    type=click.Choice(["full", "diff", "incr"]),
    default="incr",
    show_default=True,
    help="How much of what earlier backups hold is stored again.",
)
@options.waiting
@options.output
@options.home
def backup(name: str, kind: str, **given: Any) -> None:
    """Take a backup now.

    It is read from a standby where there is one. Backups that neither the tier nor the last proof
    needs are let go afterwards. A page with a wrong checksum fails the backup.
    """
    _operate("backup", name, {"kind": kind}, given)


@click.command(
    epilog="""\b
Examples:
  holdfast verify orders
  holdfast verify orders --layers 0-6
  holdfast verify orders --backup 20261120-010203F -o markdown
"""
)
@click.argument("name", type=options.DatabaseName())
@click.option(
    "--layers",
    metavar="LAYERS",
    help="The layers of proof, 0 to 6, such as 0-4,6.  [default: those of the tier]",
)
@click.option("--backup", metavar="LABEL", help="The backup to verify.  [default: the newest]")
@options.waiting
@options.proof_output
@options.home
def verify(name: str, layers: str | None, backup: str | None, **given: Any) -> None:
    """Prove that a backup restores.

    It is restored into a sandbox, started, checked layer by layer, compared with its source, and
    destroyed again; the verdict is kept as evidence. Exits with 1 unless the backup is proven.
    """
    _prove("verify", name, {"layers": layers, "backup": backup}, given)


@click.command(
    epilog="""\b
Examples:
  holdfast switchover orders
  holdfast switchover orders --to orders-2
"""
)
@click.argument("name", type=options.DatabaseName())
@click.option("--to", metavar="NODE", help="The node that shall lead.  [default: the best one]")
@options.waiting
@options.output
@options.home
def switchover(name: str, to: str | None, **given: Any) -> None:
    """Move the leader's role to a replica.

    Clients of the pooled endpoint see a pause, and no failed statement.
    """
    _operate("switchover", name, {"to": to}, given)


@click.command(
    epilog="""\b
Examples:
  holdfast delete scratch --yes
  holdfast delete orders --force-retain-data
  holdfast delete orders --purge
"""
)
@click.argument("name", type=options.DatabaseName())
@click.option("--force-retain-data", "mode", flag_value="retain-data", default=None,
              help="Keep the backups; a final one is taken and read back first.")  # fmt: skip
@click.option("--purge", "mode", flag_value="purge", help="Leave nothing, backups included.")
@options.yes
@options.waiting
@options.output
@options.home
def delete(name: str, mode: str | None, yes: bool, where: Settings, **given: Any) -> None:
    """Delete a database.

    A database whose document says `deletionPolicy: retain` is only deleted when you say what
    becomes of its data.
    """
    client = connect(where)
    record = client.get("databases", name)
    fate = {
        "retain-data": "its backups are kept",
        "purge": "its backups too: nothing is left",
        None: "as its deletionPolicy says",
    }[mode]
    consent(f"Delete {record['name']} ({record['environment']}), {fate}?", yes=yes)
    waiting = Waiting(given["no_wait"], given["timeout_s"], given["on_conflict"])
    operation = client.delete("databases", name, mode=mode, on_conflict=given["on_conflict"])
    conclude(client, operation, waiting, how=given["output"])
