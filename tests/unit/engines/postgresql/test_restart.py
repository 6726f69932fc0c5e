"""The order of a rolling restart."""

from __future__ import annotations

from holdfast.engines.postgresql.perform.restart import Turn, turns

RUNNING = {"max_connections": "100", "max_worker_processes": "8", "shared_buffers": "16384"}


def test_replicas_come_first_and_the_leader_hands_over() -> None:
    wanted = {"max_connections": "200", "shared_buffers": "1GB"}
    assert turns(wanted, RUNNING, alone=False) == [Turn.REPLICAS, Turn.LEADER_BY_SWITCHOVER]


def test_a_lowered_one_that_replicas_must_not_have_less_of_comes_to_the_leader_first() -> None:
    wanted = {"max_connections": "50", "shared_buffers": "64MB"}
    assert turns(wanted, RUNNING, alone=False) == [Turn.LEADER_IN_PLACE, Turn.REPLICAS]


def test_one_lowered_and_one_raised_take_three_turns() -> None:
    wanted = {"max_connections": "50", "max_worker_processes": "16"}
    assert turns(wanted, RUNNING, alone=False) == [
        Turn.REPLICAS,
        Turn.LEADER_IN_PLACE,
        Turn.REPLICAS,
    ]


def test_a_single_node_restarts_in_place() -> None:
    assert turns({"max_connections": "200"}, RUNNING, alone=True) == [Turn.LEADER_IN_PLACE]


def test_an_unreachable_leader_leaves_the_usual_order() -> None:
    assert turns({"max_connections": "200"}, {}, alone=False)[0] is Turn.REPLICAS
