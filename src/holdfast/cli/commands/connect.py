"""`connect`: the way in, for people by psql and for programs by URI."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from holdfast.cli import options
from holdfast.cli.client import connect as connect_client
from holdfast.core.errors import NotFound
from holdfast.providers.settings import Settings


@click.command(
    context_settings={"ignore_unknown_options": False},
    epilog="""\b
Examples:
  holdfast connect orders
  holdfast connect orders --role ro
  holdfast connect orders -- -c "SELECT now()"
  psql "$(holdfast connect orders --dsn)"
""",
)
@click.argument("name", type=options.DatabaseName())
@click.argument("psql_arguments", nargs=-1, metavar="[-- PSQL-ARGUMENTS...]")
@click.option("--role", default="rw", show_default=True, help="rw, ro, migrator or owner.")
@click.option("--ro", is_flag=True, help="The same as --role ro.")
@click.option("--database", metavar="NAME", help="The logical database.  [default: the first]")
@click.option("--pooled", is_flag=True, help="Through PgBouncer, which follows the leader.")
@click.option("--dsn", is_flag=True, help="Print a libpq URI, with its password, and do no more.")
@options.home
def connect(
    name: str,
    psql_arguments: tuple[str, ...],
    role: str,
    ro: bool,
    database: str | None,
    pooled: bool,
    dsn: bool,
    where: Settings,
) -> None:
    """Open psql, or print a connection URI.

    The URI names every node, so it keeps working as long as one of them lives, and the addresses
    that further nodes will have. The password is nowhere else to be seen: psql gets it through a
    file in memory.
    """
    role = "ro" if ro else role
    answer = connect_client(where).get(
        "databases", name, "dsn", role=role, pooled=pooled, database=database
    )
    if dsn:
        click.echo(answer["dsn"])
        return
    uri, passfile = without_password(answer["dsn"])
    descriptor = _in_memory(passfile)
    program = _psql()
    environment = os.environ | {"PGPASSFILE": f"/proc/self/fd/{descriptor}"}
    environment.pop("PGPASSWORD", None)  # it would win over the file
    sys.stdout.flush()
    os.execve(program, ["psql", uri, *psql_arguments], environment)


def without_password(uri: str) -> tuple[str, str]:
    """The URI without its password, and the line of a libpq password file that holds it."""
    parts = urlsplit(uri)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    escaped = [unquote(each).replace("\\", "\\\\").replace(":", "\\:") for each in (user, password)]
    bare = parts._replace(netloc=f"{user}@{hosts}").geturl()
    return bare, f"*:*:*:{escaped[0]}:{escaped[1]}\n"


def _in_memory(text: str) -> int:
    """A descriptor of a file without a name, which the program that is executed inherits."""
    descriptor = os.memfd_create("holdfast-pgpass", 0)
    os.fchmod(descriptor, 0o600)  # libpq ignores a file that others could read
    os.write(descriptor, text.encode())
    return descriptor


def _psql() -> str:
    found = shutil.which("psql")
    if found is not None:
        return found
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/psql"), key=lambda path: path.parts[4].zfill(3)
    )
    if not versions:
        raise NotFound(
            "psql is not installed",
            subject="psql",
            hint="install postgresql-client, or use `holdfast connect NAME --dsn`",
        )
    return str(versions[-1])
