"""`logs`: what the programs of a database's nodes wrote."""

from __future__ import annotations

import click

from holdfast.cli import options, output
from holdfast.cli.client import connect
from holdfast.providers.settings import Settings


@click.command(
    epilog="""\b
Examples:
  holdfast logs orders
  holdfast logs orders --node orders-2 --program patroni --lines 200
"""
)
@click.argument("name", type=options.DatabaseName())
@click.option("--node", metavar="NODE", help="Of one node only.")
@click.option("--program", metavar="PROGRAM", help="Of one program only: postgresql, patroni, ...")
@click.option("--lines", type=click.IntRange(1, 10_000), default=20, show_default=True,
              help="How many of each log.")  # fmt: skip
@options.home
def logs(name: str, node: str | None, program: str | None, lines: int, where: Settings) -> None:
    """Print the logs of a database's nodes.

    The last lines of the newest log of each program.
    """
    found = connect(where).get("databases", name, "logs", node=node, program=program, lines=lines)
    for one in found:
        output.paint(f"==> {one['node']} {one['file']} <==\n")
        click.echo(one["text"])
