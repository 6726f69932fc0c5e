"""A click group whose commands are imported when they run."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import click

_OF_THE_PLATFORM = "httpx"
"""A library without which no command of the platform gets far."""


class Command(NamedTuple):
    """Where a command is (`module:attribute`), and its line in the group's help.

    One that can do without the platform's libraries is `alone`.
    """

    where: str
    help: str
    alone: bool = False


class LazyGroup(click.Group):
    """`sections` orders the commands in the help."""

    def __init__(
        self,
        *args: Any,
        commands_by_name: Mapping[str, Command],
        sections: Mapping[str, Sequence[str]],
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self._known = commands_by_name
        self._sections = sections

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Every command, in the order of the help."""
        return [name for names in self._sections.values() for name in names]

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        known = self._known.get(cmd_name)
        if known is None:
            return None
        if not known.alone and importlib.util.find_spec(_OF_THE_PLATFORM) is None:
            raise ModuleNotFoundError(_OF_THE_PLATFORM, name=_OF_THE_PLATFORM)
        module, _, attribute = known.where.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a suggestion for a command that does not exist."""
        if args and not args[0].startswith("-") and args[0] not in self._known:
            close = difflib.get_close_matches(args[0], self._known, n=1, cutoff=0.7)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"no such command {args[0]!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, without importing any."""
        for section, names in self._sections.items():
            with formatter.section(section):
                formatter.write_dl([(name, self._known[name].help) for name in names])
