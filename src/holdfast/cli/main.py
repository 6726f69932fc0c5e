"""The entry point: find the command, run it, turn whatever it raises into words and a number."""

from __future__ import annotations

import os
import sys

import click

from holdfast import __version__
from holdfast.cli import exit_codes
from holdfast.cli.lazy import Command, LazyGroup
from holdfast.core.errors import Error

_COMMANDS = "holdfast.cli.commands"

COMMANDS = {
    # the site
    "up": Command(f"{_COMMANDS}.site:up", "Start the platform on this machine."),
    "down": Command(f"{_COMMANDS}.site:down", "Stop everything that `up` started."),
    "status": Command(f"{_COMMANDS}.site:status", "Show every part of the platform."),
    "serve": Command(f"{_COMMANDS}.serve:serve", "Run the control plane in the foreground."),
    "demo": Command(f"{_COMMANDS}.demo:demo", "Show a three-node PostgreSQL that proves itself."),
    # databases
    "plan": Command(f"{_COMMANDS}.documents:plan", "Show what an apply would change."),
    "apply": Command(f"{_COMMANDS}.documents:apply", "Make databases be as their documents say."),
    "get": Command(
        f"{_COMMANDS}.get:get",
        "List databases, tiers, operations, backups, promises, alarms or what runs next.",
    ),
    "describe": Command(
        f"{_COMMANDS}.get:describe", "Show one database with its nodes, or one backup."
    ),
    "delete": Command(f"{_COMMANDS}.verbs:delete", "Delete a database."),
    "connect": Command(f"{_COMMANDS}.connect:connect", "Open psql, or print a connection URI."),
    "logs": Command(f"{_COMMANDS}.logs:logs", "Print the logs of a database's nodes."),
    # proofs and day-2 verbs
    "backup": Command(f"{_COMMANDS}.verbs:backup", "Take a backup now."),
    "restore": Command(f"{_COMMANDS}.restore:restore", "Restore a database to a point in time."),
    "clone": Command(f"{_COMMANDS}.restore:clone", "Make a writable copy of a database."),
    "verify": Command(f"{_COMMANDS}.verbs:verify", "Prove that a backup restores."),
    "drill": Command(f"{_COMMANDS}.drill:drill", "Cause a fault and measure what it costs."),
    "promises": Command(
        f"{_COMMANDS}.get:promises", "Show what is promised, and how it is proven."
    ),
    "evidence": Command(
        f"{_COMMANDS}.evidence:evidence", "Read, check and export what was recorded."
    ),
    "switchover": Command(f"{_COMMANDS}.verbs:switchover", "Move the leader's role to a replica."),
    "op": Command(f"{_COMMANDS}.op:op", "List, show, watch and cancel operations."),
    "secret": Command(
        f"{_COMMANDS}.secret:secret", "Give the platform secrets that it cannot make up."
    ),
    # schema changes
    "check": Command(
        f"{_COMMANDS}.check:check",
        "Show what migrations lock, rewrite, scan, break or lose.",
        alone=True,
    ),
    # about
    "schema": Command(f"{_COMMANDS}.about:schema", "Print the JSON Schema of documents."),
    "version": Command(f"{_COMMANDS}.about:version", "Print the version.", alone=True),
    "completion": Command(
        f"{_COMMANDS}.about:completion", "Print a script for your shell.", alone=True
    ),
}
"""Every command with the one line that `--help` shows. A test holds it against the modules."""

SECTIONS = {
    "The platform": ("demo", "up", "down", "status", "serve"),
    "Databases": ("plan", "apply", "get", "describe", "delete", "connect", "logs"),
    "Proofs and operations": (
        "backup",
        "restore",
        "clone",
        "verify",
        "drill",
        "promises",
        "evidence",
        "switchover",
        "op",
        "secret",
    ),
    "Schema changes": ("check",),
    "About": ("schema", "version", "completion"),
}


@click.command(
    cls=LazyGroup,
    commands_by_name=COMMANDS,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  holdfast up
  holdfast apply orders.yaml
  psql "$(holdfast connect orders --dsn)"
""",
)
@click.version_option(__version__, "--version", "-V", message="%(prog)s %(version)s")
def cli() -> None:
    """A database platform that proves its promises."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code."""
    try:
        code = cli.main(arguments, prog_name="holdfast", standalone_mode=False)
        _flush()
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        code = exit_codes.USAGE if error.ctx.parent else exit_codes.OK
    except click.UsageError as error:
        code = _usage(error)
    except click.ClickException as error:
        code = _words(Error(error.format_message()))
    except Error as error:
        code = _words(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = exit_codes.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more can be said to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = exit_codes.FAILED
    except ModuleNotFoundError as error:
        code = _missing(error)
    except Exception as error:  # noqa: BLE001 - a traceback helps nobody who did not write it
        code = _bug(error)
    sys.exit(code if isinstance(code, int) else exit_codes.OK)


def _flush() -> None:
    sys.stdout.flush()


def _missing(error: ModuleNotFoundError) -> int:
    """`check` is worth having alone; all else needs the libraries of the extra `platform`."""
    name = (error.name or "").partition(".")[0]
    if name in ("", "holdfast"):
        return _bug(error)
    return _words(
        Error(
            f"this needs the platform's libraries, and {name} is not installed",
            hint="install them with `pip install 'holdfast[platform]'`",
        )
    )


def _bug(error: Exception) -> int:
    if os.environ.get("HOLDFAST_TRACEBACK"):
        raise error
    click.echo(f"holdfast: bug: {type(error).__name__}: {error}", err=True)
    click.echo("  hint: set HOLDFAST_TRACEBACK=1, do it again, and report what it shows", err=True)
    return exit_codes.FAILED


def _usage(error: click.UsageError) -> int:
    message = error.format_message()
    click.echo(f"holdfast: {message[:1].lower()}{message[1:].rstrip('.')}", err=True)
    if error.ctx is not None:
        click.echo(f"  hint: see `{error.ctx.command_path} --help`", err=True)
    return exit_codes.USAGE


def _words(error: Error) -> int:
    from holdfast.cli.words import error_text

    click.echo(error_text(error), err=True, nl=False)
    return exit_codes.of_error(error.code)


if __name__ == "__main__":
    main()
