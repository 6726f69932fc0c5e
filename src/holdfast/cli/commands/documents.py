"""`plan` and `apply`: from documents to databases."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from holdfast.cli import exit_codes, operate, options
from holdfast.cli import output as printing
from holdfast.cli.client import Client, connect
from holdfast.cli.operate import Waiting
from holdfast.cli.plan_text import count_text, plan_text
from holdfast.core.change import Change, Json, Plan
from holdfast.core.errors import Invalid, NotFound
from holdfast.core.render_findings import finding_from_json, render_text
from holdfast.providers.settings import Settings

_GONE = "plan.database-gone"
_MAX_BYTES = 3 * 2**20
_SUFFIXES = (".yaml", ".yml")

_full = click.option("--full", is_flag=True, help="Every change of a new database, with reasons.")


@click.command(
    epilog="""\b
Examples:
  holdfast plan orders.yaml
  holdfast plan --detailed-exitcode
  cat orders.yaml | holdfast plan -
"""
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@_full
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 10 when there is something to change."
)
@options.output
@options.home
def plan(
    paths: tuple[str, ...], full: bool, detailed_exitcode: bool, output: str, where: Settings
) -> None:
    """Show what an apply would change.

    PATH is a file, a folder (every .yaml and .yml in it) or - for standard input. Without one,
    every database is planned by the document that was applied last: what has drifted. Nothing is
    changed.
    """
    client = connect(where)
    made = _plans(client, paths) if paths else _recorded(client)
    if output == "table":
        _show_tiers(made)
        printing.paint("\n".join(plan_text(one.plan, full=full) for one in made.plans))
    else:
        _print([one.data for one in made.plans], output)
    if detailed_exitcode and (made.tiers or any(one.plan.changes for one in made.plans)):
        raise click.exceptions.Exit(exit_codes.HAS_CHANGES)


@click.command(
    epilog="""\b
Examples:
  holdfast apply orders.yaml
  holdfast apply databases/ --yes --timeout 15m
  holdfast apply orders.yaml --yes --no-wait -o name
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@options.yes
@click.option(
    "--recreate-empty",
    multiple=True,
    metavar="NAME",
    help="Make this logical database anew though its data are gone; may be given again.",
)
@options.waiting
@options.output
@options.home
def apply(
    paths: tuple[str, ...],
    yes: bool,
    recreate_empty: tuple[str, ...],
    no_wait: bool,
    timeout_s: float | None,
    on_conflict: str,
    output: str,
    where: Settings,
) -> None:
    """Make databases be as their documents say.

    The plan is shown first and has to be agreed to. A database whose last apply failed is confirmed
    even when nothing is left to change. A logical database that somebody has dropped is made anew,
    and empty, only if you agree to that or name it with --recreate-empty. Interrupted, the
    operation goes on in the background; `holdfast op watch` rejoins it.
    """
    client = connect(where)
    planned = _plans(client, paths)
    _show_tiers(planned)
    made = [one for one in planned.plans if _shown(one).plan.changes or _is_unconfirmed(one)]
    if planned.tiers:
        names = ", ".join(tier["name"] for tier in planned.tiers)
        operate.consent(f"Take over tier {names}?", yes=yes)
        client.put("tiers", body={"sources": planned.sent})
    if not made:
        if output in ("json", "yaml"):
            operate.show([], output)
        return
    if any(one.plan.changes for one in made):
        operate.consent(_question(made), yes=yes)
    # Who answers a question has read what is gone; `--yes` alone is no answer to that.
    empty = [*recreate_empty, *(() if yes else planned.gone)]
    more = {"recreate_empty": empty} if empty else {}
    waiting = Waiting(no_wait, timeout_s, on_conflict)
    operations = [
        operate.start(
            client,
            "apply",
            {"plan": one.data["id"], "digest": one.data["digest"], **more},
            database=one.plan.database,
            waiting=waiting,
        )
        for one in made
    ]
    operate.conclude(client, operations, waiting, how=output)


@dataclass(frozen=True, slots=True)
class _Made:
    """A plan as the API sent it, and as a value."""

    data: Json
    plan: Plan


@dataclass(frozen=True, slots=True)
class _Plans:
    """All plans, the tiers that would change, and the documents as they were sent.

    `gone` are logical databases that would be made anew without their data.
    """

    plans: list[_Made]
    tiers: list[Json]
    sent: list[Json]
    gone: list[str]


def _plans(client: Client, paths: Sequence[str]) -> _Plans:
    """Plans for the documents at these paths. Mistakes in them are printed with their lines."""
    sources = list(_sources(paths))
    size_bytes = sum(len(text) for _, text in sources)
    if size_bytes > _MAX_BYTES:
        raise Invalid(
            f"the documents take {size_bytes} bytes; at most {_MAX_BYTES} are read at once",
            hint="plan fewer files at once",
        )
    texts = {name: text.decode(errors="replace") for name, text in sources}
    try:
        sent = [_sent(*source) for source in sources]
        answer = client.post("plans", body={"sources": sent})
    except Invalid as error:
        if not error.findings:
            raise
        click.echo(render_text(error.findings, texts), err=True, nl=False)
        raise click.exceptions.Exit(exit_codes.USAGE) from None
    return _answered(answer, texts, sent)


def _recorded(client: Client) -> _Plans:
    """Plans for all databases by what is recorded of them."""
    made = _answered(client.post("plans", "recorded"), {}, [])
    if not made.plans:
        printing.note("there is no database to plan for")
    return made


def _answered(answer: Json, texts: Mapping[str, str], sent: list[Json]) -> _Plans:
    findings = [finding_from_json(one) for one in answer["findings"]]
    click.echo(render_text(findings, texts), err=True, nl=False)
    tiers = [tier for tier in answer["tiers"] if tier["action"] != "none"]
    gone = [str(one.evidence["database"]) for one in findings if one.id == _GONE]
    return _Plans([_Made(one, _plan(one)) for one in answer["plans"]], tiers, sent, gone)


def _show_tiers(made: _Plans) -> None:
    for tier in made.tiers:
        users = ", ".join(tier["databases"])
        note = f"; apply again what uses it: {users}" if users else ""
        click.echo(f"tier {tier['name']}: {tier['action']}{note}", err=True)


def _plan(data: Json) -> Plan:
    return Plan(data["database"], tuple(Change.from_json(change) for change in data["changes"]))


def _shown(made: _Made) -> _Made:
    printing.paint(plan_text(made.plan) + "\n", err=True)
    return made


def _is_unconfirmed(made: _Made) -> bool:
    """Whether the last apply of it failed, so that one without changes has a purpose, too."""
    if not made.data["unconfirmed"] or made.plan.changes:
        return False
    click.echo(f"{made.plan.database}: the last apply failed; this one confirms it", err=True)
    return True


def _question(made: Sequence[_Made]) -> str:
    if len(made) == 1:
        return f"Apply this to {made[0].plan.database} ({count_text(made[0].plan)})?"
    return f"Apply this to {len(made)} databases?"


def _sources(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file at these paths. Raises `NotFound`."""
    for given in paths:
        if given == "-":
            yield "<stdin>", sys.stdin.buffer.read(_MAX_BYTES + 1)
            continue
        path = Path(given)
        if path.is_dir():
            files = sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES)
            if not files:
                raise NotFound(
                    f"there is no .yaml or .yml file in {given}", subject=f"folder {given}"
                )
            for one in files:
                yield str(one), _content(one)
        else:
            yield given, _content(path)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NotFound(f"cannot read {path}: {reason}", subject=f"file {path}") from None


def _sent(name: str, content: bytes) -> dict[str, Json]:
    try:
        return {"name": name, "text": content.decode()}
    except UnicodeDecodeError:
        import base64

        return {"name": name, "base64": base64.b64encode(content).decode()}


def _print(data: list[Json], how: str) -> None:
    printing.show(data, how, name="id")
