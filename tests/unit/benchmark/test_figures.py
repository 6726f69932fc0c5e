"""From raw runs to verdicts."""

import pytest

from benchmark.figures import FIGURES, Bound, Figure, evidence, gaps, interactive, ready, throughput


def apply(seconds, steps=(), bare=5.0):
    return {"holdfast": {"seconds": seconds, "steps": list(steps)}, "bare": {"seconds": bare}}


def by_name(figures):
    return {figure.what: figure for figure in figures}


def test_ready_is_judged_by_the_median_of_the_ratios():
    figure = ready([apply(10), apply(15), apply(40)])[0]
    assert figure.values == (2, 3, 8)
    assert (figure.value, figure.best, figure.worst) == (3, 2, 8)
    assert figure.verdict == "missed"


def test_the_backup_is_taken_off_where_it_ran_alone():
    steps = [("create node/1/member", 0, 8), ("create backup", 6, 10)]
    assert ready([apply(11, steps)])[1].values == (1.8,)


def gap(fault="switchover", pooled=1.0, direct=1.5, failed=0, lost=0):
    return {
        "fault": fault,
        "gap_s": {"pooled": pooled, "direct": direct},
        "failed": {"pooled": failed, "direct": 3},
        "lost": lost,
    }


def test_one_lost_write_of_twenty_runs_is_a_miss():
    found = by_name(gaps([gap("kill-postmaster", lost=int(n == 7)) for n in range(20)]))
    figure = found["kill -9 of the postmaster: acknowledged writes lost"]
    assert (figure.value, figure.verdict) == (1, "missed")


def test_failed_statements_count_on_the_pooled_endpoint_of_a_switchover_alone():
    found = by_name(gaps([gap(failed=1), gap("kill-node", failed=1)]))
    assert found["planned switchover: failed statements, pooled endpoint"].verdict == "missed"
    assert sum("failed statements" in what for what in found) == 1


def test_writes_that_never_resume_are_the_worst_gap():
    found = by_name(gaps([gap(pooled=None)]))
    assert found["planned switchover: write gap, pooled endpoint"].verdict == "missed"
    assert found["planned switchover: write gap, direct endpoint"].verdict == "pass"


def test_a_fault_without_runs_has_no_figure():
    assert gaps([]) == ()


def test_only_the_control_plane_is_claimed_to_be_idle():
    runs = [
        {"what": "plan", "seconds": 0.4},
        {"what": "help", "seconds": 0.2},
        {
            "what": "idle",
            "cpu_percent": {"control-plane": 1.0, "supervisor": 50.0},
            "rss_mb": {"control-plane": 140.0, "supervisor": 900.0},
        },
    ]
    verdicts = [(round(figure.value), figure.verdict) for figure in interactive(runs)]
    assert verdicts == [(400, "pass"), (200, "missed"), (1, "pass"), (140, "pass")]


def tps(mode, path, number, value):
    return {"mode": mode, "path": path, "round": number, "tps": value}


def test_throughput_compares_runs_of_one_round_whatever_their_order():
    runs = [
        tps(mode, path, number, value * number)
        for mode in ("select", "tpcb")
        for path, value in {
            "plain": 100, "direct": 99, "hand": 80, "pooled": 72, "idle-500": 72,
        }.items()
        for number in (1, 2)
    ]  # fmt: skip
    figures = throughput(list(reversed(runs)))
    assert [figure.values for figure in figures[::2]] == [(99, 99), (90, 90), (100, 100)]
    assert [figure.verdict for figure in figures[::2]] == ["pass", "missed", "pass"]


@pytest.mark.parametrize(("least", "verdict"), [(True, "pass"), (False, "missed")])
def test_a_bound_is_kept_on_its_side(least, verdict):
    assert Figure("x", "%", (99.0,), Bound(98.0, least=least)).verdict == verdict


def test_a_bound_itself_is_kept():
    assert Bound(2.5).holds(2.5)
    assert Bound(98.0, least=True).holds(98.0)


def test_every_benchmark_has_figures():
    assert list(FIGURES) == ["ready", "gaps", "interactive", "throughput", "evidence"]


def test_the_ledger_is_judged_by_its_slowest_claims():
    runs = [
        {"what": "batch", "per_s": 9000.0, "size": 100_000},
        {"what": "batch", "per_s": 1500.0, "size": 200_000},
        {"what": "batch", "per_s": 1900.0, "size": 300_000},
        {"what": "single", "writers": 1, "per_s": 300.0, "ms": 3.0},
        {"what": "single", "writers": 4, "per_s": 400.0, "ms": 9.0},
        {"what": "proof", "ms": 1.5, "p99_ms": 4.0, "leaves": 300_000},
        {"what": "verify", "seconds": 12.0, "leaves": 300_000},
    ]
    append, single, proof, check = evidence(runs)
    assert (append.value, append.worst, append.verdict) == (1900, 1500, "missed")
    assert (single.values, single.verdict) == ((3.0,), "")
    assert (proof.verdict, check.verdict) == ("pass", "pass")
