"""The verdict on a killed primary: each broken promise fails it, missing evidence is no pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.promise import Verdict
from holdfast.recovery.drills.kill_primary import REQUIRED, Seen, broken, checks, verdict
from holdfast.recovery.ledger import Account, Answer, Attempt, Gap

GOOD = Account(acknowledged=4000, failed=3, unknown=8, unknown_present=2)
SEEN = Seen(
    fault_s=100.0,
    acknowledged_before=900,
    account=GOOD,
    gaps=(("direct", Gap(99.99, 103.0)), ("pooled", Gap(99.98, 103.4))),
    redundant_after_s=9.0,
)


def judged(seen: Seen, rpo_s: float = 0.0, rto_s: float = 25.0):
    return verdict(seen, rpo_s=rpo_s, rto_s=rto_s)


def lost(*ended_s: float) -> Account:
    gone = tuple(Attempt(1, k, "direct", Answer.ACKNOWLEDGED, s, s) for k, s in enumerate(ended_s))
    return replace(GOOD, lost=gone)


def test_a_good_run_is_proven():
    assert judged(SEEN).verdict is Verdict.PROVEN
    assert [check.id for check in checks(SEEN, rpo_s=0, rto_s=25)] == list(REQUIRED)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"account": lost(99.5)}, "loss: 1 acknowledged writes are lost"),
        ({"account": replace(GOOD, repeated=((1, 2),))}, "order: 1 writes are there more"),
        ({"account": replace(GOOD, misplaced=((1, 2),))}, "order: 1 stand before"),
        ({"account": replace(GOOD, resurrected=((1, 2),))}, "order: 1 failed and are there"),
        ({"account": replace(GOOD, foreign=((1, 2),))}, "order: 1 rows are nobody's"),
        ({"gaps": (("direct", Gap(99, 126)),)}, "gap: no writes for 27.0 s direct"),
        ({"gaps": (("direct", None), ("pooled", Gap(99, 101)))}, "gap: writes did not resume on"),
        ({"redundant_after_s": None, "why_not_redundant": "orders-1 is starting"}, "redundancy: o"),
    ],
)
def test_a_broken_promise_fails(change: dict, reason: str):
    found = judged(replace(SEEN, **change))
    assert found.verdict is Verdict.FAILED
    assert found.reasons[0].startswith(reason)


@pytest.mark.parametrize(
    "change",
    [
        {"account": None},
        {"acknowledged_before": 3},
        {"fault_s": None},
        {"gaps": ()},
        {"interrupted": "the control plane ended during the drill"},
    ],
)
def test_missing_evidence_is_no_pass(change: dict):
    assert judged(replace(SEEN, **change)).verdict is Verdict.UNPROVEN


def test_an_rpo_allows_for_what_was_written_shortly_before_the_fault_alone():
    account = lost(50.0, 96.0, 99.0, 101.0)
    assert broken(account, fault_s=100.0, rpo_s=0.0) == 4
    assert broken(account, fault_s=100.0, rpo_s=5.0) == 2
    assert judged(replace(SEEN, account=lost(99.0)), rpo_s=5.0).verdict is Verdict.PROVEN


@given(
    st.none() | st.builds(lambda n: lost(*[100.0 - k for k in range(n)]), st.integers(0, 3)),
    st.lists(st.none() | st.floats(0, 60).map(lambda s: Gap(100.0, 100.0 + s)), max_size=2),
    st.none() | st.floats(0, 100),
    st.integers(0, 1000),
)
def test_proven_means_that_everything_was_seen_and_held(account, gaps, redundant, before):
    seen = Seen("", 100.0, before, account, tuple(zip("dp", gaps, strict=False)), redundant)
    if judged(seen).verdict is Verdict.PROVEN:
        assert account is not None
        assert not account.lost
        assert gaps
        assert all(each is not None and each.seconds <= 25 for each in gaps)
        assert redundant is not None
        assert before >= 20
