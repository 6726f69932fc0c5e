"""Options that many commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from holdfast.core.units import duration_s
from holdfast.providers.settings import Settings, settings

F = TypeVar("F", bound=Callable[..., Any])


class Duration(click.ParamType[float]):
    """A duration as people write it: `30s`, `5m`, `1h30m`. Its value is in seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        try:
            return duration_s(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DatabaseName(click.ParamType[str]):
    """The name of a database, there or not: nothing else is sent anywhere."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself."""
        from holdfast.spec.names import NAME_PATTERN, NAME_RULE
        from holdfast.spec.suggest import show

        if not re.fullmatch(NAME_PATTERN, value):
            self.fail(f"{show(value)} is no name of a database: {NAME_RULE}", param, ctx)
        return str(value)


class OperationId(click.ParamType[str]):
    """The id of an operation, there or not."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id itself."""
        if not re.fullmatch(r"op-[a-z0-9]{1,32}", value):
            self.fail(
                f"{value!a} is no id of an operation: they look like op-7k2m9qwd4", param, ctx
            )
        return str(value)


def _home(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> Settings:
    """The settings of the home in question, the option before the environment."""
    found = settings(os.environ, as_root=os.geteuid() == 0)
    return found if value is None else replace(found, home=Path(value).expanduser().absolute())


home = click.option(
    "--home",
    "where",
    metavar="FOLDER",
    callback=_home,
    help="The platform's home folder.  [default: $HOLDFAST_HOME]",
)
"""Hands the command `where: Settings`."""

output = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "yaml", "name"]),
    default="table",
    show_default=True,
    help="How to print the data.",
)

proof_output = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "yaml", "name", "markdown"]),
    default="table",
    show_default=True,
    help="How to print the data.",
)

yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def waiting(function: F) -> F:
    """`--no-wait`, `--timeout` and `--on-conflict` of a command that starts an operation."""
    for option in (
        click.option(
            "--on-conflict",
            type=click.Choice(["wait", "refuse"]),
            default="wait",
            show_default=True,
            help="When another operation on the database runs: wait for it, or give up.",
        ),
        click.option(
            "--timeout",
            "timeout_s",
            type=Duration(),
            metavar="DURATION",
            help="Stop waiting after this long (30s, 10m); the operation goes on.",
        ),
        click.option(
            "--no-wait", is_flag=True, help="Print the operation's id and return at once."
        ),
    ):
        function = option(function)
    return function
