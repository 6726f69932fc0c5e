"""The verdict on a drill: each broken promise fails it, missing evidence is no pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.promise import Verdict
from holdfast.recovery.criteria import broken, stayed
from holdfast.recovery.drill import Blast, Seen, Terms, checks, refusal, verdict
from holdfast.recovery.drills import every, find
from holdfast.recovery.ledger import Account, Answer, Attempt, Gap

GOOD = Account(acknowledged=4000, failed=3, unknown=8, unknown_present=2)
SEEN = Seen(
    fault_s=100.0,
    acknowledged_before=900,
    account=GOOD,
    gaps=(("direct", Gap(99.99, 103.0)), ("pooled", Gap(99.98, 103.4))),
    redundant_after_s=9.0,
    leader_before="orders-1",
    leader_after="orders-2",
    timeline_before=3,
    timeline_after=4,
)
DRILL = find("kill-primary")


def judged(seen: Seen, rpo_s: float = 0.0, rto_s: float = 25.0):
    return verdict(DRILL, seen, Terms(rpo_s, rto_s, nodes=3))


def lost(*ended_s: float) -> Account:
    gone = tuple(Attempt(1, k, "direct", Answer.ACKNOWLEDGED, s, s) for k, s in enumerate(ended_s))
    return replace(GOOD, lost=gone)


def test_a_good_run_is_proven():
    assert judged(SEEN).verdict is Verdict.PROVEN
    found = checks(DRILL, SEEN, Terms(0, 25, nodes=3))
    assert [check.id for check in found] == list(DRILL.required)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"account": lost(99.5)}, "loss: 1 acknowledged writes are lost"),
        ({"account": replace(GOOD, repeated=((1, 2),))}, "order: 1 writes are there more"),
        ({"account": replace(GOOD, misplaced=((1, 2),))}, "order: 1 stand before"),
        ({"account": replace(GOOD, resurrected=((1, 2),))}, "order: 1 failed and are there"),
        ({"account": replace(GOOD, foreign=((1, 2),))}, "order: 1 rows are nobody's"),
        ({"account": replace(GOOD, unread=((1, 2),))}, "order: 1 were not there when"),
        ({"timeline_after": 3}, "leader: orders-1 still leads"),
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
        {"unable": "it takes root"},
        {"timeline_after": None},
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
    seen = replace(
        SEEN,
        acknowledged_before=before,
        account=account,
        gaps=tuple(zip("dp", gaps, strict=False)),
        redundant_after_s=redundant,
    )
    if judged(seen).verdict is Verdict.PROVEN:
        assert account is not None
        assert not account.lost
        assert gaps
        assert all(each is not None and each.seconds <= 25 for each in gaps)
        assert redundant is not None
        assert before >= 20


def test_a_calm_drill_fails_when_the_leader_moves():
    terms = Terms(0, 25, nodes=3)
    assert stayed(SEEN, terms).verdict is Verdict.FAILED
    same = replace(SEEN, leader_after="orders-1", timeline_after=3)
    assert stayed(same, terms).verdict is Verdict.PROVEN
    back = replace(SEEN, leader_after="orders-1", timeline_after=5)
    assert stayed(back, terms).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("given", "may"),
    [
        ({}, False),
        ({"consent": "  "}, False),
        ({"consent": "game day"}, True),
        ({"in_window": True}, True),
        ({"production": False}, True),
        ({"tier_rpo_s": 120.0}, True),
    ],
)
def test_a_production_database_that_loses_nothing_is_drilled_in_its_window_or_by_consent(
    given, may
):
    usual = {"tier_rpo_s": 0.0, "production": True, "in_window": False, "consent": ""}
    said = refusal(**{**usual, **given}, blast=Blast.DATABASE)
    assert (said == "") is may


def test_every_drill_says_what_it_does_and_how_it_ends():
    for drill in every().values():
        assert drill.title and not drill.title.endswith(".")
        assert len(drill.documentation) > 80, drill.id
        assert drill.undone and drill.strokes
        assert len(set(drill.required)) == len(drill.required)
        assert {"fault", "ledger", "loss", "order", "gap", "redundancy"} <= set(drill.required)
        # What is missing in a run that saw nothing is never a pass.
        assert verdict(drill, Seen(fault_s=1.0), Terms(0, 25, 3)).verdict is not Verdict.PROVEN


FACTS = {
    "connection-storm": (
        "fill-connections",
        {"opened": 80, "refused": True, "platform_gets_in": True},
        [("refused", False), ("platform_gets_in", False)],
    ),
    "long-transaction": (
        "hold-transaction",
        {"holder": "a", "expected_holder": "a", "age": 90, "age_after": 1},
        [("holder", "b"), ("age", 1), ("age_after", 90)],
    ),
    "lost-wal-segment": (
        "take-segment",
        {"segment": "A", "noticed": True, "said": "A is missing"},
        [("noticed", False)],
    ),
    "corrupted-page": (
        "flip-byte",
        {"noticed": True, "backup": "20261120-1"},
        [("noticed", False)],
    ),
    "leader-cut-off": (
        "cut-off",
        {"take_writes": ["orders-2"]},
        [("take_writes", ["orders-1", "orders-2"])],
    ),
    "failing-archiver": (
        "block-archive",
        {"failures": 3, "caught_up": True, "waiting": "0" * 24},
        [("failures", 0), ("caught_up", False)],
    ),
}


@pytest.mark.parametrize("id", FACTS)
def test_what_a_fault_has_to_show_is_asked_for(id: str):
    drill, (fault, good, worse) = find(id), FACTS[id]
    calm = replace(SEEN, leader_after="orders-1", timeline_after=3)

    def of(facts: dict) -> Verdict:
        return verdict(drill, replace(calm, facts=facts), Terms(0, 25, 3)).verdict

    assert of({fault: good}) is Verdict.PROVEN
    assert of({}) is Verdict.UNPROVEN
    for name, value in worse:
        assert of({fault: {**good, name: value}}) is not Verdict.PROVEN
