"""The page of results: drawn from raw runs, true to what stands in the repository."""

from pathlib import Path

import pytest

from benchmark.page import page
from benchmark.results import Result, load, save

RESULTS = Path(__file__).parents[3] / "benchmark" / "results"


def result(name, runs):
    return Result(name, "make benchmark", "1 May 2030, 10:00 UTC", 90.0, {"cores": "2"}, {}, runs)


@pytest.mark.docs
def test_the_page_says_what_the_results_say(generated):
    generated("docs/reference/benchmarks.md", page(load(RESULTS)))


def test_without_results_nothing_is_claimed_to_be_measured():
    text = page({})
    assert text.count("not measured") == 5
    assert "pass" not in text


def test_a_miss_is_said_plainly():
    run = {
        "round": 1,
        "holdfast": {"seconds": 30.0, "steps": [["create backup", 0.0, 3.0]]},
        "bare": {"seconds": 10.0},
    }
    text = page({"ready": result("ready", [run])})
    assert "| at most 2.5 times | 3.00 times | 3.00 times to 3.00 times | **missed** |" in text
    assert "| 1 | 30.00 | 3.00 | 10.00 | 3.00 |" in text


def test_a_gap_that_did_not_end_is_never():
    run = {
        "fault": "kill-node", "round": 1, "gap_s": {"pooled": None, "direct": 2.0},
        "failed": {"pooled": 1, "direct": 1}, "lost": 0, "acknowledged": 10, "unknown": 1,
        "out_of_order": 0, "healed_s": 4.0,
    }  # fmt: skip
    text = page({"gaps": result("gaps", [run])})
    assert "| pooled | never |" in text
    assert "never to never" in text


def test_results_come_back_as_they_were_kept(tmp_path):
    kept = result("throughput", [{"mode": "select", "path": "plain", "round": 1, "tps": 5.0}])
    save(tmp_path, kept)
    assert load(tmp_path) == {"throughput": kept}


def test_the_ledger_s_runs_are_listed():
    runs = [
        {"what": "batch", "batch": 500, "size": 100_000, "per_s": 9000.0},
        {"what": "single", "writers": 1, "per_s": 300.0, "ms": 3.0},
        {"what": "single", "writers": 4, "per_s": 400.0, "ms": 9.123},
        {"what": "proof", "leaves": 100_000, "ms": 1.5, "p99_ms": 4.0},
        {"what": "verify", "round": 1, "leaves": 100_000, "seconds": 12.0},
    ]
    text = page({"evidence": result("evidence", runs)})
    assert "| batches of 500 | 100,000 | 9,000 leaves/s |" in text
    assert "| single, 4 at once |  | 400 leaves/s, median 9.12 ms |" in text
    assert "at most 5 ms | 1.50 ms |" in text
