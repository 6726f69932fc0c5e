"""`secret`: what the platform cannot make up, such as the key of an object store."""

from __future__ import annotations

import sys

import click

from holdfast.cli import options, output
from holdfast.cli.client import connect
from holdfast.providers.settings import Settings


@click.group(
    epilog="""\b
Examples:
  holdfast secret set offsite-key < key.txt
  holdfast secret list
"""
)
def secret() -> None:
    """Give the platform secrets that it cannot make up."""


@secret.command(
    "set",
    epilog="""\b
Examples:
  holdfast secret set offsite-key < key.txt
""",
)
@click.argument("name")
@options.home
def set_secret(name: str, where: Settings) -> None:
    """Give a secret, or another value for it: from a prompt, or from standard input.

    It is kept encrypted, and written to files where it is needed by the next apply.
    """
    if sys.stdin.isatty():
        value = click.prompt("value", hide_input=True, err=True)
    else:
        value = sys.stdin.read().rstrip("\n")
    connect(where).put("secrets", name, body={"value": value})
    output.note(f"{name} is kept")


@secret.command(
    "list",
    epilog="""\b
Examples:
  holdfast secret list -o json
""",
)
@options.output
@options.home
def list_secrets(output: str, where: Settings) -> None:
    """List the names of given secrets; no value is ever shown."""
    from holdfast.cli import output as printing

    found = connect(where).get("secrets")
    columns = {"name": "name", "version": "version", "age": "age"}
    rows = found
    if output == "table":
        rows = [{**one, "age": printing.age(one["created_at"])} for one in found]
    printing.show(rows, output, columns=columns)
