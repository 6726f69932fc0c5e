"""`restore` and `clone`: a database at another point in time, or once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from holdfast.cli import options
from holdfast.cli import output as printing
from holdfast.cli.client import Client, connect
from holdfast.cli.operate import Waiting, conclude, consent
from holdfast.core.change import Json
from holdfast.core.errors import Invalid, NotFound
from holdfast.providers.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

_TARGETS = ("time", "lsn", "name", "xid")


def _targets(function: F) -> F:
    for option in (
        click.option("--timeline", type=click.IntRange(1), metavar="N",
                     help="Follow this timeline.  [default: the newest]"),
        click.option("--backup", metavar="ID", help="Start from this backup.  [default: the best]"),
        click.option("--latest", is_flag=True, help="Everything there is.  [default]"),
        click.option("--to-xid", "xid", metavar="XID", help="Up to and with this transaction."),
        click.option("--to-name", "name_", metavar="POINT", help="Up to this restore point."),
        click.option("--to-lsn", "lsn", metavar="LSN", help="Up to this position in the WAL."),
        click.option("--to-time", "time", metavar="TIME",
                     help="Up to this time, such as 2026-11-20T10:15:00Z."),
    ):  # fmt: skip
        function = option(function)
    return function


def _overrides(function: F) -> F:
    for option in (
        click.option("--nodes", type=click.IntRange(1), help="Its number of nodes."),
        click.option("--size", metavar="SIZE", help="Its size.  [default: its source's]"),
        click.option("--tier", metavar="TIER", help="Its tier.  [default: its source's]"),
    ):
        function = option(function)
    return function


def _target(given: dict[str, Any]) -> dict[str, Json]:
    """The one target that was named. Raises a usage error for two."""
    named = {
        "name": given.pop("name_"),
        **{kind: given.pop(kind) for kind in ("time", "lsn", "xid")},
    }
    chosen = [(kind, value) for kind, value in named.items() if value is not None]
    latest, timeline = given.pop("latest"), given.pop("timeline")
    if len(chosen) + latest > 1:
        raise click.UsageError("name one target only", click.get_current_context())
    kind, value = chosen[0] if chosen else ("latest", "")
    return {"kind": kind, "value": value, "timeline": timeline}


@click.command(
    epilog="""\b
Examples:
  holdfast restore orders --to-time 2026-11-20T10:15:00Z
  holdfast restore orders --to-name before-release --as orders_before
  holdfast restore orders --to-time 2026-11-20T10:15:00Z --in-place
  holdfast restore orders --undo
"""
)
@click.argument("name", type=options.DatabaseName())
@_targets
@click.option(
    "--as",
    "new",
    type=options.DatabaseName(),
    metavar="NEW",
    help="The new database's name.  [default: NAME_r1]",
)
@click.option("--in-place", is_flag=True, help="Put the database itself back; asks first.")
@click.option("--undo", is_flag=True, help="Take the last restore in place back.")
@click.option("--discard", is_flag=True, help="Remove what a restore in place has kept.")
@_overrides
@options.yes
@options.waiting
@options.output
@options.home
def restore(name: str, new: str | None, in_place: bool, undo: bool, discard: bool, yes: bool,
            where: Settings, **given: Any) -> None:  # fmt: skip
    """Restore a database to a point in time.

    Without --in-place a new database is made beside it: with roles and passwords of its own, and a
    repository of its own; the source's is only read. With --in-place it is first said what is lost;
    the present data are kept, and --undo brings them back.
    """
    if in_place + undo + discard + (new is not None) > 1:
        raise click.UsageError(
            "--as, --in-place, --undo and --discard exclude each other",
            click.get_current_context(),
        )
    client = connect(where)
    target = _target(given)
    backup = given.pop("backup")
    overrides = {key: given.pop(key) for key in ("tier", "size", "nodes")}
    waiting = Waiting(given["no_wait"], given["timeout_s"], given["on_conflict"])
    if undo or discard:
        _back(client, name, "undo" if undo else "discard", waiting, yes=yes, how=given["output"])
    elif in_place:
        _in_place(client, name, {"target": target, "backup": backup}, waiting,
                  yes=yes, how=given["output"])  # fmt: skip
    else:
        body = {"name": new, "target": target, "backup": backup, **overrides,
                "on_conflict": waiting.on_conflict}  # fmt: skip
        operation = client.post("databases", name, "restore", body=body)
        for ended in conclude(client, operation, waiting, how=given["output"]):
            _tell(ended, given["output"])


def _in_place(
    client: Client, name: str, wanted: dict[str, Json], waiting: Waiting, *, yes: bool, how: str
) -> None:
    """Plan, say what is lost, ask, do."""
    planned = client.post("databases", name, "restore-plan", body=wanted)
    # Nobody can agree to what was not seen, so this one is waited for in any case.
    looking = Waiting(False, waiting.timeout_s, waiting.on_conflict)
    (plan,) = conclude(client, planned, looking, how="none")
    outcome = plan["outcome"]
    printing.note(f"restore {name} in place, from backup {outcome['backup']}")
    printing.note(f"  {outcome['summary']}")
    printing.note("  the present data are kept: holdfast restore " + name + " --undo")
    consent(f"Put {name} back, and lose that?", yes=yes)
    body = {"plan": plan["id"], "on_conflict": waiting.on_conflict}
    operation = client.post("databases", name, "restore-in-place", body=body)
    for ended in conclude(client, operation, waiting, how=how):
        _tell(ended, how)


def _back(client: Client, name: str, mode: str, waiting: Waiting, *, yes: bool, how: str) -> None:
    question = {
        "undo": f"Bring {name} back to before its last restore, and lose what was written since?",
        "discard": f"Remove what {name} was before its last restore, for good?",
    }[mode]
    consent(question, yes=yes)
    body = {"mode": mode, "on_conflict": waiting.on_conflict}
    operation = client.post("databases", name, "restore-back", body=body)
    for ended in conclude(client, operation, waiting, how=how):
        _tell(ended, how)


def _tell(operation: Mapping[str, Json], how: str) -> None:
    """Where recovery ended, for a person."""
    outcome = operation["outcome"]
    reached = outcome.get("reached")
    if how != "table" or not reached:
        return
    click.echo()
    click.echo(f"recovered to    {reached['stopped']}")
    click.echo(f"last commit     {reached['last_commit'] or 'that of the backup'}")
    click.echo(f"last position   {reached['lsn'] or 'that of the backup'}")
    click.echo(f"timeline        {reached['timeline']}")
    if outcome.get("kept"):
        click.echo(f"former data     {outcome['kept']['folder']}")
    for name in outcome.get("access", {}).get("closed_logins", ()):
        click.echo(f"closed login    {name}")


@click.command(
    epilog="""\b
Examples:
  holdfast clone orders orders_dev --expires 7d
  holdfast clone orders orders_test --mask mask.yaml --tier tier-3
  holdfast clone orders orders_before --at 2026-11-20T10:15:00Z
"""
)
@click.argument("name", type=options.DatabaseName())
@click.argument("new", type=options.DatabaseName())
@click.option("--at", metavar="TIME", help="As it was at this time.  [default: now]")
@click.option("--mask", type=click.Path(path_type=Path),
              metavar="FILE", help="Rules for what is masked before anybody gets in.")  # fmt: skip
@click.option("--expires", type=options.Duration(), metavar="DURATION",
              help="Have it end after this long (7d).")  # fmt: skip
@click.option("--environment", metavar="ENVIRONMENT", help="Its environment.")
@click.option("--from-backup", is_flag=True, help="Leave the running server alone.")
@_overrides
@options.waiting
@options.output
@options.home
def clone(name: str, new: str, at: str | None, mask: Path | None, expires: float | None,
          from_backup: bool,
          where: Settings, **given: Any) -> None:  # fmt: skip
    """Make a writable copy of a database.

    It is copied from the running server, where the file system can without copying a block; with
    --at, or when told to, it comes from the backups. It has roles, passwords and a repository of
    its own.
    """
    client = connect(where)
    waiting = Waiting(given["no_wait"], given["timeout_s"], given["on_conflict"])
    body = {
        "name": new,
        "target": {"kind": "time", "value": at} if at else {"kind": "latest"},
        "copy_running": at is None and not from_backup,
        "mask": _rules(mask),
        "expires": _day(expires),
        **{key: given[key] for key in ("environment", "tier", "size", "nodes")},
        "on_conflict": waiting.on_conflict,
    }
    operation = client.post("databases", name, "restore", body=body)
    for ended in conclude(client, operation, waiting, how=given["output"]):
        _tell(ended, given["output"])


def _day(expires_s: float | None) -> str | None:
    """The first day that is wholly behind the duration: a document knows no hours."""
    if expires_s is None:
        return None
    end = datetime.now(UTC).timestamp() + expires_s
    return datetime.fromtimestamp(end + 86_399, UTC).date().isoformat()


def _rules(path: Path | None) -> Json:
    if path is None:
        return None
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        rules = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", subject=str(path)) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} is no YAML: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(rules, dict):
        raise Invalid(f"{path} holds no rules", hint="write `columns:` and what becomes of each")
    return rules
