from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdfast.recovery.retention import Held, chain, expendable

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def full(age_days: float, *, sound: bool = True) -> Held:
    at = NOW - timedelta(days=age_days)
    return Held(f"{at:%Y%m%d-%H%M%S}F", at, sound)


def incr(of: Held, age_days: float) -> Held:
    at = NOW - timedelta(days=age_days)
    return Held(f"{of.label}_{at:%Y%m%d-%H%M%S}I", at)


def test_a_label_names_its_chain():
    assert chain("20261120-103028F_20261121-010000I") == "20261120-103028F"
    assert chain("20261120-103028F") == "20261120-103028F"


def test_the_newest_chains_stay():
    held = [full(9), full(6), full(3), full(1)]
    assert expendable(held, now=NOW, full=2, days=1) == (held[0].label, held[1].label)


def test_what_a_point_in_the_window_needs_stays():
    held = [full(20), full(9), full(3), full(1)]
    assert expendable(held, now=NOW, full=1, days=7) == (held[0].label,)


def test_the_last_proven_chain_stays_however_old():
    old, middle, new = full(90), full(60), full(0)
    held = [old, incr(old, 89), middle, full(30), new]
    proven = {incr(old, 89).label}
    assert expendable(held, now=NOW, full=1, days=1, proven=proven) == (middle.label,)
    # A newer proof lets it go.
    assert old.label in expendable(held, now=NOW, full=1, days=1, proven={*proven, new.label})


def test_a_damaged_backup_protects_the_chain_before_it():
    held = [full(9), full(3), full(0, sound=False)]
    assert expendable(held, now=NOW, full=1, days=1) == (held[0].label,)
    assert expendable([full(3, sound=False)], now=NOW, full=1, days=1) == ()


def test_a_damaged_chain_goes_when_a_sound_one_has_come():
    held = [full(9, sound=False), full(3)]
    assert expendable(held, now=NOW, full=5, days=1) == (held[0].label,)


HELD = st.lists(
    st.builds(full, st.integers(0, 400).map(float), sound=st.booleans()), max_size=15,
    unique_by=lambda held: held.label,
)  # fmt: skip


@given(HELD, st.integers(1, 5), st.integers(1, 60), st.integers(0, 20))
def test_nothing_that_is_needed_ever_goes(held: list[Held], keep: int, days: int, proof: int):
    proven = {held[proof % len(held)].label} if held else set()
    gone = set(expendable(held, now=NOW, full=keep, days=days, proven=proven))
    sound = sorted((each for each in held if each.sound), key=lambda each: each.stopped_at)
    left = [each for each in sound if each.label not in gone]
    assert len(left) >= min(keep, len(sound))
    assert not gone & {each.label for each in sound if each.label in proven}
    if sound:
        assert left
        assert left[-1] == sound[-1]
        # Every moment of the window that could be reached can still be.
        begin = NOW - timedelta(days=days)
        before = [each for each in sound if each.stopped_at <= begin]
        assert not before or before[-1] in left
        assert all(each in left for each in sound if each.stopped_at > begin)
    else:
        assert not gone


@given(HELD, st.integers(1, 5), st.integers(1, 60))
def test_a_second_look_finds_nothing_more(held: list[Held], keep: int, days: int):
    gone = set(expendable(held, now=NOW, full=keep, days=days))
    left = [each for each in held if each.label not in gone]
    assert expendable(left, now=NOW, full=keep, days=days) == ()
