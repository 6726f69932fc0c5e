"""`evidence`: the ledger, read, checked and taken away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from holdfast.cli import exit_codes, options
from holdfast.cli import output as printing
from holdfast.cli.client import connect
from holdfast.core.change import Json
from holdfast.core.render_findings import finding_from_json, render_text
from holdfast.providers.settings import Settings

_VERIFY_TIMEOUT_S = 900.0
_EXPORT_TIMEOUT_S = 300.0


@click.group(
    epilog="""\b
Examples:
  holdfast evidence list
  holdfast evidence verify
"""
)
def evidence() -> None:
    """Read, check and export what was recorded.

    Every backup, restore, proof, apply, delete, switchover, approval and look at a password is a
    leaf of an append-only Merkle tree whose heads are signed.
    """


class Moment(click.ParamType[datetime]):
    """A day or a moment in ISO 8601, UTC unless it says otherwise."""

    name = "moment"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Aware."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no moment: write 2026-03-31 or 2026-03-31T12:00", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


@evidence.command(
    "list",
    epilog="""\b
Examples:
  holdfast evidence list
  holdfast evidence list --database orders --kind restore-test
  holdfast evidence list -o json
""",
)
@click.option("--database", metavar="NAME", help="Of one database only.")
@click.option("--kind", metavar="KIND", help="Of one kind only, such as backup or approval.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@options.output
@options.home
def list_leaves(
    database: str | None, kind: str | None, limit: int, output: str, where: Settings
) -> None:
    """List leaves, newest first."""
    found = connect(where).get("evidence", database=database, kind=kind, limit=limit)
    rows = found
    if output == "table":
        rows = [{**one, "at": one["at"][:19], "said": _said(one)} for one in found]
    fields = ("seq", "at", "kind", "database", "verdict", "said", "actor", "id")
    printing.show(rows, output, columns={field: field for field in fields}, name="id")


def _said(leaf: Json) -> str:
    return str(leaf["measured"].get("state") or leaf["measured"].get("operation") or "")


@evidence.command(
    epilog="""\b
Examples:
  holdfast evidence show op-7k2m9qwd4
  holdfast evidence show 1204 -o json
"""
)
@click.argument("which", metavar="ID")
@options.output
@options.home
def show(which: str, output: str, where: Settings) -> None:
    """Show one leaf, by its id or number, with its inclusion proof."""
    leaf = connect(where).get("evidence", "leaves", which)
    if output != "table":
        printing.show(leaf, output, name="id")
        return
    for name in ("seq", "id", "kind", "at", "database", "verdict", "actor", "operation"):
        click.echo(f"{name:<10} {leaf[name] or '-'}")
    for reason in leaf["reasons"]:
        click.echo(f"{'reason':<10} {reason}")
    click.echo(f"{'measured':<10} {json.dumps(leaf['measured'], indent=2, ensure_ascii=False)}")
    if leaf["head"] is None:
        click.echo("proof      none yet: the next signed head will cover it")
        return
    head = json.loads(leaf["head"]["head"])
    click.echo(f"{'proof':<10} in head {head['number']} over {head['size']} leaves, by")
    for each in leaf["path"]:
        click.echo(f"{'':<10} {each}")


@evidence.command(
    epilog="""\b
Examples:
  holdfast evidence verify
  holdfast evidence verify -o json
"""
)
@options.output
@options.home
def verify(output: str, where: Settings) -> None:
    """Look at every leaf and every signed head.

    Finds any leaf or head that was changed, taken out, put elsewhere or cut off at the end. The
    heads in HOME/evidence/heads.jsonl count, which nobody reaches through the database. Exits with
    1 if anything is wrong.
    """
    found = connect(where).get("evidence", "verification", timeout_s=_VERIFY_TIMEOUT_S)
    if output == "table":
        _tell(found)
    else:
        printing.show(found, output, name="root")
    if not found["whole"]:
        raise click.exceptions.Exit(exit_codes.FAILED)


def _tell(found: Json) -> None:
    word = "whole" if found["whole"] else "NOT WHOLE"
    click.echo(f"{word}: {found['leaves']} leaves, {found['signed']} of them under signed heads")
    click.echo(f"{'heads':<6} {found['heads']}")
    click.echo(f"{'root':<6} {found['root']}")
    click.echo(f"{'key':<6} {found['key'] or '-'}")
    findings = [finding_from_json(each) for each in found["findings"]]
    if findings:
        click.echo()
        click.echo(render_text(findings), nl=False)
    listed: dict[str, int] = {}
    for each in findings:
        listed[each.id] = listed.get(each.id, 0) + 1
    for kind, count in found["counts"].items():
        if count > (seen := listed.get(f"evidence.{kind}", 0)):
            click.echo(f"and {count - seen} more of evidence.{kind}")


@evidence.command(
    epilog="""\b
Examples:
  holdfast evidence export --from 2026-01-01 --to 2026-03-31 -o quarter.json
  holdfast evidence export --with-head 1204 -o since.json
"""
)
@click.option("--from", "begin", type=Moment(), metavar="MOMENT", help="The first day or moment.")
@click.option("--to", "end", type=Moment(), metavar="MOMENT", help="The last day or moment.")
@click.option(
    "--with-head",
    type=click.IntRange(0),
    metavar="NUMBER",
    help="A head that you have from earlier: the bundle proves that the ledger went on from it.",
)
@click.option("-o", "--output", "file", type=click.Path(path_type=Path, dir_okay=False),
              metavar="FILE", help="Write it there.  [default: standard output]")  # fmt: skip
@options.home
def export(
    begin: datetime | None,
    end: datetime | None,
    with_head: int | None,
    file: Path | None,
    where: Settings,
) -> None:
    """Write a bundle that can be checked elsewhere, without trusting us.

    `python -m holdfast.evidence_check BUNDLE` checks it; that one file may be copied to another
    machine.
    """
    if end is not None and (end.hour, end.minute, end.second) == (0, 0, 0):
        end += timedelta(days=1, microseconds=-1)  # a day is meant to its end
    bundle = connect(where).get(
        "evidence",
        "bundle",
        begin=None if begin is None else begin.isoformat(),
        end=None if end is None else end.isoformat(),
        with_head=with_head,
        timeout_s=_EXPORT_TIMEOUT_S,
    )
    text = json.dumps(bundle, ensure_ascii=False, separators=(",", ":")) + "\n"
    if file is None:
        click.echo(text, nl=False)
        return
    file.write_text(text, encoding="utf-8")
    count = len(bundle["leaves"])
    printing.note(f"{file}: {count} leaves, {len(bundle['heads'])} heads")
    printing.note(f"check it with `python -m holdfast.evidence_check {file}`")
