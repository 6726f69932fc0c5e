"""The page of results, from raw runs alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from benchmark.arithmetic import median
from benchmark.figures import (
    COMPARISONS,
    FAULTS,
    FIGURES,
    MODES,
    Figure,
    Run,
    backup_alone_s,
)

if TYPE_CHECKING:
    from benchmark.results import Result

INTRODUCTION = """\
# Benchmarks

What Holdfast claims about speed, measured on one machine, ours and the other in turns, so that
both meet the same noise. A ratio is taken round by round. Ratios and times are judged by the median
of the rounds; writes lost and statements failed are summed. To measure your own machine and write
this page anew:

    make benchmark

That takes about half an hour, in a home of its own, and removes everything it started. It ends with
1 if a claim was missed. Parts of it: `make benchmark BENCHMARK_ARGS="ready gaps"`; to see only that
it works: `BENCHMARK_ARGS=--quick`. The raw runs stand in
[benchmark/results](../../benchmark/results).
"""

TITLES = {
    "ready": "Ready",
    "gaps": "Write gaps and losses",
    "interactive": "Interactive use and idle cost",
    "throughput": "Throughput",
    "evidence": "Evidence ledger",
}
METHODS = {
    "ready": """\
`holdfast apply examples/orders.yaml --yes` on a warm platform, from the start of the command to its
end. It ends when writes through every endpoint are acknowledged, both replicas stream, WAL has been
archived and the first full backup is complete. *Bare* is Patroni alone: three nodes on the same
etcd, with the same interpreter, packages, PostgreSQL, timings, synchronous mode (quorum, strict)
and checksums, all three started at once; from the start of its processes until a write through the
multi-host URI is acknowledged while both replicas stream. It has no TLS, pooler, archive or roles
of ours. A subreaper adopts its orphans as our supervisor does it for ours, so that neither depends
on how soon process 1 of the machine reaps a dead postmaster. Each is removed completely before the
other starts.

*Without the first backup* takes off only the time in which the backup step ran alone. While another
step ran beside it, that one would have been waited for without a backup as well.
""",
    "gaps": """\
Two sessions through each endpoint, in a process of their own, write a unique row every 5 ms with
the URIs that `holdfast connect orders --dsn` had printed once, before the first fault. A gap is the
longest time in which one session had no write acknowledged, from the fault until the cluster was
whole again and a second more. Afterwards every row is read back on the final primary and held
against what the sessions had been told; a statement whose connection broke counts as unknown, not
as acknowledged. The processes of a node are its agent, Patroni, both poolers, the postmaster and
its children. Killed, they are started again by the supervisor. In the runs where *they stay dead*
the supervisor is stopped (SIGSTOP) until writes resume, as if the machine were gone.
""",
    "interactive": """\
Commands from start to end, on a running platform with one database. The control plane is the
process `holdfast serve`; idle means that nobody asks for anything while a database of three nodes
runs. Beside it stand the supervisor and the control database, which are not part of the claim.
""",
    "throughput": """\
pgbench, simple protocol, 16 clients, 2 threads, scale 20, over TLS with certificates verified, on
the machine that the three nodes and everything else run on. *plain*: one host, no options but TLS.
*direct*: what `holdfast connect orders --dsn` prints. *hand*: a PgBouncer of the same version on
the primary's node, configured by hand: TLS to clients, the Unix socket to the primary, SCRAM with
the same `auth_query`, transaction mode, PgBouncer's default pool of 20. *pooled*: what `--pooled`
prints. *idle-500*: the same beside 500 open connections, each of which runs a statement every 20 s.
A round goes through the paths and back again, half of each run on either way, so that what drifts
meets all of them alike; a checkpoint comes before each half.
""",
    "evidence": """\
A database of its own on the site's control server, with its settings (every commit is flushed to
disk). Leaves of the size that a backup leaves, about 600 bytes. *Batches* are transactions of 500
leaves, with a signed head every 20,000; a value is a tenth of the way to the full size. *Single*
appends are a transaction each. A *proof* is a leaf chosen by chance with its inclusion proof, as
`evidence show` asks for it; the figure is the median of 500. The *check* is `evidence verify`
without the command around it: every leaf hashed anew, every head's signature.
""",
}


def page(results: Mapping[str, Result]) -> str:
    """The whole page. A benchmark without a result is listed as not measured."""
    parts = [INTRODUCTION, _summary(results)]
    for name, result in results.items():
        parts.append(f"## {TITLES[name]}\n\n{METHODS[name]}\n{_circumstances(result)}")
        parts.append(_RUNS[name](result.runs))
    return "\n".join(parts).rstrip() + "\n"


def _summary(results: Mapping[str, Result]) -> str:
    rows: list[Sequence[str]] = []
    for name in FIGURES:
        if name not in results:
            rows.append((TITLES[name], "", "", "", "not measured"))
            continue
        rows += [
            (figure.what, _bound(figure), _value(figure), _spread(figure), _verdict(figure))
            for figure in FIGURES[name](results[name].runs)
        ]
    return _table(("figure", "claim", "measured", "best to worst", ""), rows)


def _circumstances(result: Result) -> str:
    facts = {
        "measured": f"{result.measured_at}, in {result.took_s / 60:.0f} min",
        "command": f"`{result.command}`",
        **result.machine,
        "versions": ", ".join(f"{name} {each}" for name, each in result.versions.items()),
    }
    return _table(("", ""), list(facts.items()))


def _ready_runs(runs: Sequence[Run]) -> str:
    rows = [
        (
            str(run["round"]),
            f"{run['holdfast']['seconds']:.2f}",
            f"{backup_alone_s(run):.2f}",
            f"{run['bare']['seconds']:.2f}",
            f"{run['holdfast']['seconds'] / run['bare']['seconds']:.2f}",
        )
        for run in runs
    ]
    heading = ("round", "apply, s", "of that backup alone, s", "bare, s", "ratio")
    return _table(heading, rows)


def _gap_runs(runs: Sequence[Run]) -> str:
    rows = []
    for fault, (words, _) in FAULTS.items():
        of_fault = [run for run in runs if run["fault"] == fault]
        for endpoint in ("pooled", "direct"):
            values = [run["gap_s"][endpoint] for run in of_fault]
            shown = " ".join("never" if each is None else f"{each:.2f}" for each in values)
            rows.append((words, endpoint, shown))
    totals = [
        (
            words,
            str(len(of_fault)),
            str(sum(run["acknowledged"] for run in of_fault)),
            str(sum(run["unknown"] for run in of_fault)),
            str(sum(run["lost"] for run in of_fault)),
            str(sum(run["out_of_order"] for run in of_fault)),
            _healed(of_fault),
        )
        for fault, (words, _) in FAULTS.items()
        if (of_fault := [run for run in runs if run["fault"] == fault])
    ]
    heading = ("fault", "runs", "acknowledged", "unknown", "lost", "out of order", "whole again, s")
    return f"{_table(('fault', 'endpoint', 'gaps, s'), rows)}\n{_table(heading, totals)}"


def _healed(runs: Sequence[Run]) -> str:
    """The median, and how many never came back by themselves."""
    times = [run["healed_s"] for run in runs if run["healed_s"] is not None]
    shown = f"{median(times):.1f}" if times else ""
    never = len(runs) - len(times)
    return f"{shown} ({never} not by itself)".strip() if never else shown


def _interactive_runs(runs: Sequence[Run]) -> str:
    rows = [
        (what, " ".join(f"{1000 * run['seconds']:.0f}" for run in runs if run["what"] == what))
        for what in ("plan", "help")
    ]
    idle = [
        (part, f"{run['cpu_percent'][part]:.2f}", f"{run['rss_mb'][part]:.0f}")
        for run in runs
        if run["what"] == "idle"
        for part in run["cpu_percent"]
    ]
    everything = [
        ("everything that the site runs", f"{run['cpu_percent_of_everything']:.2f}", "")
        for run in runs
        if run["what"] == "idle"
    ]
    heading = ("idle part", "% of one core", "resident MB")
    return f"{_table(('command', 'ms'), rows)}\n{_table(heading, idle + everything)}"


def _throughput_runs(runs: Sequence[Run]) -> str:
    paths = dict.fromkeys(path for ours, other, *_ in COMPARISONS for path in (other, ours))
    rows = []
    for mode, title in MODES.items():
        for path in paths:
            values = [run["tps"] for run in runs if run["mode"] == mode and run["path"] == path]
            if values:
                shown = " ".join(f"{each:,.0f}" for each in values)
                rows.append((title, path, f"{median(values):,.0f}", shown))
    return _table(("", "path", "median, transactions/s", "runs"), rows)


def _evidence_runs(runs: Sequence[Run]) -> str:
    rows = [
        ("batches of 500", f"{run['size']:,}", f"{run['per_s']:,.0f} leaves/s")
        for run in runs
        if run["what"] == "batch"
    ]
    for run in runs:
        if run["what"] == "single":
            words = f"single, {run['writers']} at once"
            rows.append((words, "", f"{run['per_s']:,.0f} leaves/s, median {run['ms']:.2f} ms"))
        elif run["what"] == "proof":
            told = f"median {run['ms']:.2f} ms, 99 % within {run['p99_ms']:.2f} ms"
            rows.append(("proof", f"{run['leaves']:,}", told))
        elif run["what"] == "verify":
            rows.append(("check", f"{run['leaves']:,}", f"{run['seconds']:.1f} s"))
    return _table(("", "leaves", "measured"), rows)


_RUNS: Mapping[str, Callable[[Sequence[Run]], str]] = {
    "ready": _ready_runs,
    "gaps": _gap_runs,
    "interactive": _interactive_runs,
    "throughput": _throughput_runs,
    "evidence": _evidence_runs,
}


def _bound(figure: Figure) -> str:
    if figure.bound is None:
        return ""
    word = "at least" if figure.bound.least else "at most"
    return f"{word} {_number(figure.bound.limit, figure.unit, plain=True)}"


def _value(figure: Figure) -> str:
    return _number(figure.value, figure.unit)


def _spread(figure: Figure) -> str:
    if figure.is_count:
        return f"{len(figure.values)} runs"
    return f"{_number(figure.best, figure.unit)} to {_number(figure.worst, figure.unit)}"


def _verdict(figure: Figure) -> str:
    return {"pass": "pass", "missed": "**missed**", "": ""}[figure.verdict]


def _number(value: float, unit: str, *, plain: bool = False) -> str:
    if value == float("inf"):
        return "never"
    if not unit:
        return f"{value:.0f}"
    digits = {"x": 2, "s": 2, "%": 1, "ms": 0, "MB": 0, "/s": 0}[unit]
    if unit == "ms" and value < 10:
        digits = 2
    number = f"{value:g}" if plain else f"{value:.{digits}f}"
    return f"{number} times" if unit == "x" else f"{number} {unit}"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
