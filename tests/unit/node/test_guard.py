"""When the agent ends its server or its Patroni, or gives the key back: and when it must not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.node.guard import (
    MISSES,
    MISSES_STOPPED,
    OUSTED_S,
    Count,
    EndPatroni,
    EndServer,
    GiveBack,
    Process,
    Sight,
    guard,
)
from holdfast.node.keys import successor

WELL = Sight(
    me="shop-1",
    leader="shop-1",
    trusted=True,
    server=Process(10),
    patroni=Process(11),
    successor=True,
    gives_back=True,
)
CRASHED = replace(WELL, server=Process(), crashed=True)


def test_nothing_is_done_while_all_is_well():
    assert guard(WELL) is None


def test_a_crashed_leader_gives_its_key_back():
    assert isinstance(guard(CRASHED), GiveBack)
    # A Patroni that is dead as well is no reason to wait for it.
    assert isinstance(guard(replace(CRASHED, patroni=Process())), GiveBack)


@pytest.mark.parametrize(
    "change",
    [
        {"crashed": False},
        {"successor": False},
        {"gives_back": False},
        {"trusted": False},
        {"unmanaged": True},
        {"leader": "shop-2"},
        {"leader": None},
    ],
)
def test_the_key_is_not_given_back_otherwise(change: dict):
    assert guard(replace(CRASHED, **change)) is None


def test_a_slow_server_that_nobody_can_replace_is_waited_for():
    # A disk that stalls, and no replica: ending the server would turn a pause into an outage.
    alone = replace(WELL, successor=False, server_misses=MISSES + 5)
    assert guard(alone) is None
    # What the machine says is stopped will not go on by itself; started again it will.
    assert isinstance(guard(replace(alone, server=Process(10, stopped=True))), EndServer)


@pytest.mark.parametrize(("stopped", "needed"), [(True, MISSES_STOPPED), (False, MISSES)])
def test_what_hangs_is_ended_after_enough_misses(stopped: bool, needed: int):
    server = replace(WELL, server=Process(10, stopped))
    assert guard(replace(server, server_misses=needed - 1)) is None
    assert isinstance(found := guard(replace(server, server_misses=needed)), EndServer)
    assert found.pid == 10
    patroni = replace(WELL, patroni=Process(11, stopped))
    assert guard(replace(patroni, patroni_misses=needed - 1)) is None
    assert isinstance(found := guard(replace(patroni, patroni_misses=needed)), EndPatroni)
    assert found.pid == 11


def test_a_second_writer_without_a_patroni_is_ended():
    ousted = replace(WELL, leader="shop-2", ousted_s=OUSTED_S)
    assert guard(ousted) is None
    assert isinstance(guard(replace(ousted, patroni=Process())), EndServer)
    assert isinstance(guard(replace(ousted, patroni_misses=1)), EndServer)
    assert guard(replace(ousted, patroni=Process(), ousted_s=OUSTED_S - 1)) is None
    assert guard(replace(ousted, patroni=Process(), leader=None)) is None


PROCESSES = st.builds(Process, st.none() | st.integers(1, 5), st.booleans())
SIGHTS = st.builds(
    Sight,
    me=st.just("shop-1"),
    leader=st.sampled_from([None, "shop-1", "shop-2"]),
    trusted=st.booleans(),
    unmanaged=st.booleans(),
    server=PROCESSES,
    crashed=st.booleans(),
    patroni=PROCESSES,
    server_misses=st.integers(0, 9),
    patroni_misses=st.integers(0, 9),
    successor=st.booleans(),
    gives_back=st.booleans(),
    ousted_s=st.floats(0, 60),
)


@given(SIGHTS)
def test_nobody_is_harmed_without_etcd_and_nobody_who_answers(sight: Sight):
    act = guard(sight)
    if act is None:
        return
    assert sight.trusted and not sight.unmanaged
    if isinstance(act, GiveBack):
        assert sight.crashed and sight.successor and sight.leader == sight.me
    elif isinstance(act, EndPatroni):
        assert act.pid == sight.patroni.pid and sight.patroni_misses >= MISSES_STOPPED
    else:
        assert act.pid == sight.server.pid
        assert sight.server_misses >= MISSES_STOPPED or sight.leader == "shop-2"


def test_misses_are_counted_on_end_and_of_one_process():
    count = Count()
    for _ in range(3):
        count = count.after(7, hung=True, starved=False)
    assert count == Count(7, 3)
    assert count.after(7, hung=False, starved=False).misses == 0
    assert count.after(8, hung=True, starved=False).misses == 1
    assert count.after(None, hung=True, starved=False) == Count(None, 0)


def test_silence_does_not_count_while_the_agent_gets_no_time_itself():
    assert Count(7, 2).after(7, hung=True, starved=True) == Count(7, 2)
    assert Count(7, 0).after(8, hung=True, starved=True).misses == 0


def keys(standby: str, state: str = "running") -> dict[str, str]:
    member = {"conn_url": "postgres://10.0.0.2:5432/postgres", "role": "replica", "state": state}
    return {
        "leader": "shop-1",
        "sync": json.dumps({"leader": "shop-1", "sync_standby": standby, "quorum": 1}),
        "members/shop-2": json.dumps(member),
    }


def test_a_successor_is_synchronous_and_runs():
    assert successor(keys("shop-2,shop-3"), "shop-1")
    assert not successor(keys(""), "shop-1")
    assert not successor(keys("shop-3"), "shop-1")
    assert not successor(keys("shop-2", "starting"), "shop-1")
    assert not successor({**keys("shop-2"), "sync": "nonsense"}, "shop-1")
    assert not successor(keys("shop-2"), "shop-2")
