"""What holds whatever a node sees."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from holdfast.node.decide import decide, pace_s, primary
from holdfast.node.view import (
    Check,
    Entry,
    Health,
    Hold,
    Member,
    Order,
    Phase,
    Pooler,
    Release,
    Report,
    Side,
    View,
)
from tests.unit.node.world import ADDRESSES, DATABASES, ME, NOW, PORT, SOCKETS, after, host, view

NAMES = sorted(ADDRESSES)

checks = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(
        Check,
        health=st.sampled_from(Health),
        timeline=st.integers(1, 3),
        replayed=st.integers(0, 3000),
    ),
)
hosts = st.sampled_from([host(name) for name in NAMES] + ["10.9.9.9"])
entries = st.dictionaries(
    st.sampled_from([*DATABASES, "stranger"]),
    st.builds(Entry, host=hosts, paused=st.booleans()),
)
poolers = st.builds(
    Pooler,
    file=st.sampled_from([None, "", "[databases]\n"]),
    entries=entries,
    busy=st.integers(0, 2),
    elsewhere=st.sampled_from([(), ("10.0.0.2",), ("unix", "10.0.0.3")]),
    elsewhere_since=st.floats(NOW - 5, NOW),
)
members = st.dictionaries(st.sampled_from(NAMES), st.booleans()).map(
    lambda readable: {
        name: Member(name, ADDRESSES[name], PORT, "replica", "running", readable[name])
        for name in readable
    }
)


@st.composite
def views(draw: st.DrawFn) -> View:
    known = draw(members)
    leader = draw(st.sampled_from([None, *sorted(known)]))
    before = view(leader, checks=draw(checks), trusted=draw(st.booleans()))
    return replace(
        before,
        rw=draw(st.none() | poolers),
        ro=draw(st.none() | poolers),
        cluster=replace(
            before.cluster,
            members=known,
            written=draw(st.integers(0, 3000)),
            unmanaged=draw(st.booleans()),
            order=draw(st.none() | st.builds(Order, st.just("op"), st.sampled_from(NAMES))),
            report=draw(st.none() | st.builds(Report, st.sampled_from(Phase))),
        ),
    )


def rested(before: View) -> View:
    for _ in range(6):
        commands = decide(before, NOW)
        if not commands:
            return before
        before = after(before, commands)
    raise AssertionError(f"never comes to rest: {decide(before, NOW)}")


@given(views())
def test_it_comes_to_rest(before: View) -> None:
    assert decide(rested(before), NOW) == []


@given(views())
def test_nobody_is_released_to_a_member_that_is_not_known_to_take_writes(before: View) -> None:
    commands = decide(before, NOW)
    if any(isinstance(each, Release) and each.side is Side.RW for each in commands):
        leader = primary(before)
        assert leader is not None
        assert before.checks[leader].health is Health.PRIMARY
        if before.trusted and not before.cluster.unmanaged:
            assert leader == before.cluster.leader
        now = after(before, commands)
        assert now.rw is not None
        assert {now.rw.entries[name].host for name in DATABASES} == {host(leader)}


@given(views())
def test_with_a_primary_and_without_an_order_everybody_goes_on(before: View) -> None:
    before = replace(before, cluster=replace(before.cluster, order=None))
    leader = primary(before)
    if leader is None or before.rw is None:
        return
    now = rested(before)
    assert now.rw is not None
    assert all(now.rw.entries[name] == Entry(host(leader)) for name in DATABASES)


@given(views())
def test_without_a_primary_nobody_goes_on_who_waits(before: View) -> None:
    if primary(before) is not None or before.rw is None:
        return
    now = rested(before)
    assert now.rw is not None
    waiting = {name for name, entry in before.rw.entries.items() if entry.paused}
    assert all(now.rw.entries[name].paused for name in waiting if name in DATABASES)


@given(views())
def test_an_order_is_kept_as_long_as_its_leader_leads(before: View) -> None:
    order = before.cluster.order
    if before.rw is None or order is None or not before.trusted:
        return
    if primary(before) != order.leader:
        return
    now = rested(before)
    assert now.rw is not None
    assert all(now.rw.entries[name].paused for name in DATABASES if name in now.rw.entries)


@given(views())
def test_the_read_only_pooler_never_holds_anybody(before: View) -> None:
    assert not any(isinstance(each, Hold) and each.side is Side.RO for each in decide(before, NOW))


@given(views(), st.floats(0, 1000))
def test_there_is_always_a_next_look(before: View, held_s: float) -> None:
    assert 0 < pace_s(before, held_s) <= 5


def test_the_made_up_node_is_this_one() -> None:
    assert host(ME) == SOCKETS
