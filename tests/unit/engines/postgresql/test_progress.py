"""A replica is judged by whether it moves on, not by how long it takes."""

from __future__ import annotations

import pytest

from holdfast.engines.postgresql.observe_node import Member
from holdfast.engines.postgresql.progress import Progress


def replica(state: str, received: int | None = None, replayed: int | None = None) -> Member:
    return Member("replica", state, 1, received, replayed)


@pytest.mark.parametrize("state", ["in archive recovery", "running", "start failed", "crashed"])
def test_what_cannot_get_better_counts_from_when_it_was_first_seen(state: str) -> None:
    progress = Progress(0.0)
    assert progress.stuck_s(replica(state, 100, 100), 10.0) == 0
    assert progress.stuck_s(replica(state, 100, 100), 60.0) == 50


def test_one_that_replays_for_an_hour_is_never_stuck() -> None:
    progress = Progress(0.0)
    for minute in range(60):
        member = replica("in archive recovery", 5000, 100 + minute)
        assert progress.stuck_s(member, 60.0 * minute) == 0


def test_one_that_receives_is_never_stuck() -> None:
    progress = Progress(0.0)
    for minute in range(60):
        assert progress.stuck_s(replica("running", 100 + minute, 7), 60.0 * minute) == 0


@pytest.mark.parametrize("state", ["creating replica", "starting", "stopped", "streaming"])
def test_work_is_not_stuck(state: str) -> None:
    progress = Progress(0.0)
    assert [progress.stuck_s(replica(state), now) for now in (1.0, 1000.0)] == [0, 0]


def test_trying_to_start_again_and_again_is_no_progress() -> None:
    progress = Progress(0.0)
    for now in range(0, 60, 2):
        progress.stuck_s(replica("start failed"), now)
        assert progress.stuck_s(replica("starting"), now + 1.0) == 0
    assert progress.stuck_s(replica("start failed"), 60.0) == 60


def test_a_copy_that_is_being_made_is_progress() -> None:
    progress = Progress(0.0)
    progress.stuck_s(replica("start failed"), 0.0)
    progress.stuck_s(replica("creating replica"), 50.0)
    assert progress.stuck_s(replica("start failed"), 60.0) == 0


def test_a_position_that_goes_back_is_no_progress() -> None:
    progress = Progress(0.0)
    progress.stuck_s(replica("running", 200, 200), 0.0)
    assert progress.stuck_s(replica("running", 100, 100), 50.0) == 50


def test_without_any_progress_the_whole_wait_counts() -> None:
    progress = Progress(5.0)
    progress.stuck_s(replica("starting"), 100.0)
    assert progress.still_s(105.0) == 100
    progress.stuck_s(replica("creating replica"), 110.0)
    assert progress.still_s(111.0) == 1
