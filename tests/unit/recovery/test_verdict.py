"""From checks to a verdict."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.promise import Verdict
from holdfast.recovery.verdict import Check, judgement

checks = st.lists(
    st.builds(Check, st.sampled_from("abc"), st.sampled_from(list(Verdict)), st.just("why"))
)


@given(checks, st.sets(st.sampled_from("abc")))
def test_proven_only_if_every_required_check_is_there_and_none_says_otherwise(found, required):
    judged = judgement(found, required)
    verdicts = {check.verdict for check in found}
    if Verdict.FAILED in verdicts:
        assert judged.verdict is Verdict.FAILED
    elif verdicts == {Verdict.PROVEN} and required <= {check.id for check in found}:
        assert judged.verdict is Verdict.PROVEN
    else:
        assert judged.verdict is Verdict.UNPROVEN
    assert (judged.verdict is Verdict.PROVEN) == (judged.reasons == ())


def test_failures_are_named_first():
    found = [Check("a", Verdict.UNPROVEN, "no space"), Check("b", Verdict.FAILED, "lost")]
    assert judgement(found, ("c",)).reasons == ("b: lost", "a: no space", "c: was not looked at")
