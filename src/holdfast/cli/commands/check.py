"""`check`: what a schema change would do to a running database, before anybody runs it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli import exit_codes
from holdfast.core.errors import Error, NotFound
from holdfast.core.finding import Severity

if TYPE_CHECKING:
    from holdfast.app.check import Asked
    from holdfast.app.check_read import Read
    from holdfast.app.check_settings import CheckSettings
    from holdfast.schema.checked import Checked

_FORMATS = ["text", "json", "sarif", "github", "gitlab", "markdown", "junit"]
_MOST_BYTES = 64 * 2**20


@click.command(
    epilog="""\b
Examples:
  holdfast check db/migrations
  holdfast check --since origin/main
  holdfast check --schema schema.sql --server-version 15 migrations -o json --effects
  holdfast check --explain create_index
"""
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "-o", "--output", "how", type=click.Choice(_FORMATS), default="text", show_default=True,
    help="How to print what was found.",
)  # fmt: skip
@click.option(
    "--fail-on", type=click.Choice(["error", "warning", "notice", "never"]),
    help="Exit with 1 from this severity on.  [default: warning]",
)  # fmt: skip
@click.option("--server-version", type=click.IntRange(11, 18), metavar="MAJOR",
              help="PostgreSQL's major version, 11 to 18.  [default: 16]")  # fmt: skip
@click.option("--schema", metavar="FILE",
              help="What is there before: the output of pg_dump --schema-only.")  # fmt: skip
@click.option("--database", metavar="NAME|DSN", envvar="HOLDFAST_CHECK_DATABASE", show_envvar=True,
              help="The same, asked of a running server, with sizes. A URI with a password is"
                   " better given in the variable: others can read a command line.")  # fmt: skip
@click.option("--since", metavar="REV", help="Only what this branch adds to a revision of git.")
@click.option("--tool", metavar="TOOL", help="Whose migrations these are; found out otherwise.")
@click.option("--run-tool", is_flag=True,
              help="Let Alembic, Django or Liquibase print their SQL. Runs the project's code.",
)  # fmt: skip
@click.option("--only", multiple=True, metavar="RULE", help="Only this rule; several times.")
@click.option("--style", is_flag=True, help="Rules of taste, too.")
@click.option("--down", is_flag=True, help="Migrations down, too.")
@click.option("--effects", is_flag=True, help="Say of every statement what it does.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out files like this.")
@click.option("--config", metavar="FILE", help="Settings to use instead of the nearest ones.")
@click.option("--baseline", metavar="FILE", help="Leave out the findings that FILE knows.")
@click.option("--write-baseline", is_flag=True, help="Write what is found to --baseline.")
@click.option("--stdin", is_flag=True, help="Check standard input as the file that --path names.")
@click.option("--path", metavar="PATH", help="What standard input is the text of.")
@click.option("--fix", is_flag=True,
              help="Put the safe sequence in the place of migrations that are not committed yet.",
)  # fmt: skip
@click.option("--list-rules", is_flag=True, help="Print every rule in one line.")
@click.option("--explain", metavar="RULE", help="Print all that is said about a rule.")
@click.option("--list-tools", is_flag=True, help="Print the tools whose migrations are read.")
def check(paths: tuple[str, ...], **given: Any) -> None:
    """Show what migrations lock, rewrite, scan, break or lose.

    PATH is a migration or a folder of them; without one, the current folder. The tool is found out
    from names and contents, and its transactions are taken into account. Nothing is run and no
    server is needed. Exits with 1 when something is found.
    """
    if given["list_rules"] or given["explain"] or given["list_tools"]:
        _about(given)
        return
    settings = _settings(given, paths)
    read = _read(paths, settings, given)
    asked = _asked(settings, read, paths, given)
    result = _checked(read, asked, given)
    if given["write_baseline"]:
        _write_baseline(result, settings)
        return
    if given["fix"]:
        _fix(read, result, asked)
        return
    _print(result, given["how"], effects=given["effects"])
    from holdfast.schema.checked import is_at_least

    if any(is_at_least(one.severity, settings.fail_on) for one in result.findings):
        raise click.exceptions.Exit(exit_codes.FAILED)


# -- what is asked ------------------------------------------------------------------------------


def _settings(given: Mapping[str, Any], paths: tuple[str, ...]) -> CheckSettings:
    """The project's settings with the command line over them."""
    from dataclasses import replace

    from holdfast.app import check_settings
    from holdfast.schema.conventions import conventions
    from holdfast.schema.reading.directives import rule_id
    from holdfast.schema.rulebook import rulebook

    start = given["path"] or (paths[0] if paths else ".")
    folder = start if Path(start).is_dir() else str(Path(start).parent)
    found = check_settings.load(given["config"]) if given["config"] else check_settings.find(folder)
    base = check_settings.CheckSettings()
    if found is not None:
        base = check_settings.settled(
            *found,
            lambda name: rule_id(name) if rulebook().is_rule(rule_id(name)) else None,
            lambda name: name in conventions(),
        )
    if given["tool"] and given["tool"] not in conventions():
        raise NotFound(
            f"there is no tool {given['tool']!r}", hint=f"use one of {', '.join(conventions())}"
        )
    over: dict[str, Any] = {
        name: given[name]
        for name in ("tool", "fail_on", "server_version", "baseline", "schema")
        if given[name]
    }
    over |= {name: True for name in ("style", "down") if given[name]}
    return replace(base, **over, exclude=(*base.exclude, *given["exclude"]))


def _read(paths: tuple[str, ...], settings: CheckSettings, given: Mapping[str, Any]) -> Read:
    from holdfast.app import check_read

    if given["stdin"]:
        if not given["path"]:
            raise click.UsageError("--stdin needs --path, the name that the text goes by")
        content = sys.stdin.buffer.read(_MOST_BYTES)
        return check_read.given_text(content.decode(errors="replace"), given["path"])
    where = paths or settings.paths or (".",)
    return check_read.read(where, settings.exclude)


def _asked(
    settings: CheckSettings, read: Read, paths: tuple[str, ...], given: Mapping[str, Any]
) -> Asked:
    from dataclasses import replace

    from holdfast.app.check import Asked
    from holdfast.schema.reading.directives import rule_id

    added = None
    if given["since"]:
        from holdfast.app.check_since import added as added_since

        added = added_since(given["since"], next(iter(paths or settings.paths), "."))
    facts, version = _facts(settings, given)
    return Asked(
        settings=replace(settings, server_version=settings.server_version or version),
        facts=facts,
        only=frozenset(_known_rule(rule_id(name)) for name in given["only"]),
        added=added,
        baseline=_baseline(settings, given),
        path_of=_path_of(settings.baseline),
        today=date.today(),  # noqa: DTZ011 - an exception ends on the day of who looks at it
    )


def _known_rule(name: str) -> str:
    from holdfast.schema.rulebook import rulebook

    if not rulebook().is_rule(name):
        import difflib

        close = difflib.get_close_matches(name, rulebook().pages, n=1)
        hint = f"did you mean {close[0]}?" if close else "see `holdfast check --list-rules`"
        raise NotFound(f"there is no rule {name}", subject=f"rule {name}", hint=hint)
    return name


def _facts(settings: CheckSettings, given: Mapping[str, Any]) -> tuple[Any, int | None]:
    """The catalog before the first migration, and the server's version if it is known."""
    from holdfast.schema.catalog.catalog import NOTHING_KNOWN

    if given["database"]:
        from holdfast.app.check_database import facts

        return facts(_dsn(given["database"]))
    if settings.schema:
        from holdfast.app.check_dump import facts_of_file

        return facts_of_file(settings.schema, settings.server_version)
    return NOTHING_KNOWN, None


def _dsn(database: str) -> str:
    """What to connect to: as it was given, or asked of the platform for a database of its own."""
    if "://" in database or "=" in database:
        return database
    from holdfast.cli.client import connect
    from holdfast.providers.settings import settings

    client = connect(settings(os.environ, as_root=os.geteuid() == 0))
    answer = client.get("databases", database, "dsn", role="migrator", pooled=False, database=None)
    return str(answer["dsn"])


def _baseline(settings: CheckSettings, given: Mapping[str, Any]) -> Mapping[Any, int]:
    if not settings.baseline:
        if given["write_baseline"]:
            raise click.UsageError("--write-baseline needs --baseline, the file to write")
        return {}
    if given["write_baseline"]:
        return {}
    from holdfast.schema import baseline

    try:
        text = Path(settings.baseline).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise NotFound(
            f"cannot read {settings.baseline}: {reason.lower()}",
            subject=f"file {settings.baseline}",
            hint="write it with --write-baseline",
        ) from None
    return baseline.parsed(text, settings.baseline)


def _path_of(file: str) -> Any:
    """Files are known from where the baseline stands, wherever the command is run."""
    folder = Path(file).parent
    return lambda path: os.path.relpath(path, folder) if path else ""


# -- the check and its result -------------------------------------------------------------------


def _checked(read: Read, asked: Asked, given: Mapping[str, Any]) -> Checked:
    from holdfast.app import check as checking

    if given["run_tool"]:
        from holdfast.app.check_tools import with_tools

        return checking.checked(with_tools(read, asked.settings), read, asked)
    return checking.run(read, asked)


def _write_baseline(result: Checked, settings: CheckSettings) -> None:
    from holdfast.app.check import prints
    from holdfast.schema import baseline

    rows = prints(result, _path_of(settings.baseline))
    try:
        Path(settings.baseline).write_text(baseline.rendered(rows))
    except OSError as error:
        raise Error(f"cannot write {settings.baseline}: {error.strerror}") from None
    click.echo(f"{len(rows)} findings are written to {settings.baseline}", err=True)


def _fix(read: Read, result: Checked, asked: Asked) -> None:
    from holdfast.app.check_fix import fix

    outcomes = fix(read, result, asked)
    for one in outcomes:
        if one.why:
            click.echo(f"{one.path}: left as it is: {one.why}")
            continue
        click.echo(f"{one.path}: {', '.join(one.rules)}")
        for name in one.written:
            click.echo(f"  wrote {name}")
        click.echo(f"  the catalog at the end is the same ({one.facts} objects compared)")
    if not outcomes:
        click.echo("nothing has a safe form that could be written")
    if any(one.why for one in outcomes):
        raise click.exceptions.Exit(exit_codes.FAILED)


_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTICE: "cyan"}
_HEAD = re.compile(r"^(?P<place>.*?: )?(?P<word>error|warning|notice)(?P<rest>: .*)$")


def _print(result: Checked, how: str, *, effects: bool) -> None:
    from holdfast.schema.output import rendered

    text = rendered(result, how, effects=effects)
    if how != "text" or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        click.echo(text, nl=False)
        return
    for line in text.splitlines():
        click.echo(_painted(line))


def _painted(line: str) -> str:
    if line.startswith("      "):
        return click.style(line, fg="green")
    if line.lstrip().startswith("|") and line.endswith("^"):
        return click.style(line, fg="red")
    if line.startswith("  ") or (found := _HEAD.match(line)) is None:
        return line
    word = click.style(found["word"], fg=_COLOURS[Severity(found["word"])], bold=True)
    return f"{click.style(found['place'] or '', bold=True)}{word}{found['rest']}"


# -- about the rules ----------------------------------------------------------------------------


def _about(given: Mapping[str, Any]) -> None:
    from holdfast.schema.rulebook import rulebook

    if given["list_tools"]:
        from holdfast.schema.conventions import conventions

        for name, tool in conventions().items():
            click.echo(f"{name:<16} {tool.title}")
        return
    if given["list_rules"]:
        wide = max(len(name) for name in rulebook().pages)
        for name, page in rulebook().pages.items():
            click.echo(f"{name:<{wide}}  {page.title}{' (off)' if page.off else ''}")
        return
    from holdfast.schema.reading.directives import rule_id

    page = rulebook().pages[_known_rule(rule_id(given["explain"]))]
    click.echo(f"{page.id}: {page.title}\n\n{page.text}")
    for heading, examples in (("Bad", page.bad), ("Good", page.good)):
        for example in examples:
            indented = "\n".join(f"    {line}" for line in example.strip().splitlines())
            click.echo(f"\n{heading}:\n{indented}")
