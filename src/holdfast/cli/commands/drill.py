"""`drill`: cause a fault, measure what it costs, show what was seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from holdfast.cli import exit_codes, operate, options, output
from holdfast.cli.client import Client, connect
from holdfast.cli.operate import Waiting
from holdfast.cli.proof_text import proof_text
from holdfast.core.change import Json
from holdfast.core.errors import Error
from holdfast.core.promise import Verdict
from holdfast.recovery import drill_report
from holdfast.recovery.drills import every, find

_REPORTS = ("markdown", "html")


@click.command(
    epilog="""\b
Examples:
  holdfast drill --list
  holdfast drill orders kill-primary
  holdfast drill orders --all --consent "game day" --yes
  holdfast drill orders stop-postmaster --seed 7 -o html > report.html
  holdfast drill orders --report op-w525ctdzk -o markdown
"""
)
@click.argument("name", required=False, type=options.DatabaseName())
@click.argument("drill_id", metavar="[DRILL]", required=False)
@click.option("--list", "listed", is_flag=True, help="Show the drills that there are.")
@click.option("--all", "all_", is_flag=True, help="Every drill, one after the other.")
@click.option(
    "--seed", type=int, help="Make the same choices again.  [default: from the operation]"
)
@click.option("--load", type=click.Choice(["light", "normal", "heavy"]), default="normal",
              show_default=True, help="How much is written meanwhile.")  # fmt: skip
@click.option("--consent", metavar="REASON", help="Why it may be now, outside of the "
              "maintenance window; recorded.")  # fmt: skip
@click.option("--force", metavar="REASON", help="Why it has to be although the cluster is not "
              "whole; recorded.")  # fmt: skip
@click.option(
    "--report",
    type=options.OperationId(),
    metavar="OPERATION",
    help="Show the report of an earlier run.",
)
@click.option(
    "--raw",
    type=options.OperationId(),
    metavar="OPERATION",
    help="Print every write of an earlier run as JSON.",
)
@options.yes
@options.waiting
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "name", *_REPORTS]),
              default="table", show_default=True, help="How to print the data.")  # fmt: skip
@options.home
def drill(
    name: str | None,
    drill_id: str | None,
    *,
    listed: bool,
    all_: bool,
    report: str | None,
    raw: str | None,
    yes: bool,
    **given: Any,
) -> None:
    """Cause a fault and measure what it costs.

    The fault is real: clients of the database notice it as they would notice an accident. Clients
    of the platform write all the while, and each acknowledged write is looked for afterwards. The
    fault is undone in any case; Ctrl-C undoes it at once. Exits with 1 unless the tier's promises
    held.
    """
    if listed:
        _list(given["output"])
        return
    if raw or report:
        _show(connect(given["where"]), report, raw, given["output"])
        return
    if name is None or (drill_id is None) != all_:
        raise click.UsageError("name a database, and a drill or --all")
    wanted = list(every()) if all_ else [find(drill_id or "").id]
    what = f"{len(wanted)} faults, one after the other," if all_ else f"the fault {wanted[0]!r}"
    operate.consent(f"Cause {what} on {name} now?", yes=yes)
    seen = [_run(name, each, given) for each in wanted]
    if all_ and given["output"] == "table":
        _summary([each for each in seen if each])
    if any(each["verdict"] != Verdict.PROVEN for each in seen if each):
        raise click.exceptions.Exit(exit_codes.FAILED)


def _run(name: str, drill_id: str, given: Mapping[str, Any]) -> Mapping[str, Json]:
    """One drill; its outcome, empty where it was not waited for."""
    client, how = connect(given["where"]), given["output"]
    waiting = Waiting(given["no_wait"], given["timeout_s"], given["on_conflict"])
    request = {
        key: given[key] for key in ("seed", "load", "consent", "force") if given[key] is not None
    }
    operation = operate.start(
        client, "drill", {"drill": drill_id, **request}, database=name, waiting=waiting
    )
    shown = "none" if how in _REPORTS else how
    ended = operate.conclude(client, operation, waiting, how=shown, cancel_on_interrupt=True)
    for each in ended:
        if how == "table":
            click.echo("\n" + proof_text(each["outcome"]), nl=False)
        elif how in _REPORTS:
            _show(client, each["id"], None, how)
        outcome: Mapping[str, Json] = each["outcome"]
        return outcome
    return {}


def _list(how: str) -> None:
    rows = [
        {
            "id": drill.id,
            "title": drill.title,
            "blast": str(drill.blast),
            "nodes": drill.nodes,
            "hold_s": drill.hold_s,
            "undone": drill.undone,
        }
        for drill in every().values()
    ]
    columns = {"id": "drill", "title": "what it does", "blast": "who notices"}
    output.show(rows, how, columns=columns, name="id")


def _show(client: Client, report: str | None, raw: str | None, how: str) -> None:
    if raw:
        noted = client.get("drills", raw, "raw")
        click.echo(json.dumps(noted, separators=(",", ":")), nl=False)
        return
    record = client.get("drills", report or "")
    declared = every().get(record["kind"].removeprefix("drill/"))
    if how in ("json", "yaml"):
        output.show(record, how)
    elif declared is None:
        raise Error(f"this release has no {record['kind']}")
    elif how == "html":
        click.echo(drill_report.html(record, declared), nl=False)
    else:
        click.echo(drill_report.markdown(record, declared), nl=False)


def _summary(outcomes: list[Mapping[str, Json]]) -> None:
    rows = [
        {
            "drill": each["drill"],
            "verdict": each["verdict"],
            "acknowledged": each.get("acknowledged"),
            "lost": each.get("lost"),
            "gap": max((s for s in each.get("gap_s", {}).values() if s is not None), default=None),
        }
        for each in outcomes
    ]
    click.echo()
    columns = {"drill": "drill", "verdict": "verdict", "acknowledged": "acknowledged",
               "lost": "lost", "gap": "longest gap (s)"}  # fmt: skip
    output.show(rows, "table", columns=columns)
