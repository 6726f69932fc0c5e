"""Case by case what a node does; the invariants are in test_decide_invariants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.node.decide import GRACE_S, decide, pace_s, primary
from holdfast.node.view import (
    Check,
    Command,
    Cut,
    Entry,
    Health,
    Hold,
    Order,
    Phase,
    Point,
    Pooler,
    Release,
    Report,
    Side,
    Tell,
    View,
)
from tests.unit.node.world import (
    DATABASES,
    LAG_BOUND_BYTES,
    ME,
    NOW,
    SECOND,
    SOCKETS,
    THIRD,
    after,
    pooler,
    view,
)

UP = Check(Health.PRIMARY)
REPLICA = Check(Health.REPLICA)
DOWN = Check(Health.DOWN, detail="refused")
UNKNOWN = Check(Health.UNKNOWN, detail="bad certificate")
ORDER = Order("op-1", SECOND)


def settled(before: View, now: float = NOW) -> tuple[list[Command], View]:
    """All commands until nothing is left to do, and the view then."""
    done: list[Command] = []
    for _ in range(6):
        commands = decide(before, now)
        if not commands:
            return done, before
        done += commands
        before = after(before, commands)
    raise AssertionError(f"never comes to rest: {done}")


def kinds(commands: list[Command]) -> list[str]:
    return [
        f"{type(each).__name__} {each.side}"
        if not isinstance(each, Tell)
        else str(each.report.state)
        for each in commands
    ]


def test_nothing_to_do_where_all_is_well() -> None:
    done, _ = settled(view())
    assert kinds(done) == ["running"]


def test_the_leaders_own_node_goes_by_the_socket() -> None:
    [point, *_] = decide(view(ME, rw=pooler(SECOND)), NOW)
    assert isinstance(point, Point)
    assert point.side is Side.RW
    assert f"host='{SOCKETS}'" in point.file


def test_another_leader_is_reached_by_its_address() -> None:
    [point, *_] = decide(view(THIRD, rw=pooler(ME)), NOW)
    assert isinstance(point, Point)
    assert "host='10.0.0.3'" in point.file


class TestLeaderGone:
    def test_clients_are_held(self) -> None:
        [hold, *_] = decide(view(SECOND, checks={SECOND: DOWN}), NOW)
        assert isinstance(hold, Hold)
        assert hold.databases == DATABASES
        assert "refused" in hold.reason

    def test_clients_are_held_when_nobody_has_the_key(self) -> None:
        assert "Hold rw" in kinds(decide(view(None), NOW))

    def test_one_that_is_cut_off_from_etcd_goes_on_while_its_commits_wait_for_a_standby(
        self,
    ) -> None:
        alone = view(None, checks={SECOND: UP, ME: REPLICA})
        alone = replace(alone, cluster=replace(alone.cluster, synchronous=True))
        assert "Hold rw" not in kinds(decide(alone, NOW))
        ordered = replace(alone.cluster, order=Order("op", SECOND))
        for other in (
            replace(alone, cluster=replace(alone.cluster, synchronous=False)),
            replace(alone, cluster=ordered),
            replace(alone, checks={SECOND: REPLICA, ME: REPLICA}),
            replace(alone, cluster=replace(alone.cluster, leader=ME)),
        ):
            assert "Hold rw" in kinds(decide(other, NOW))

    def test_a_leader_that_was_not_asked_is_not_believed(self) -> None:
        assert "Hold rw" in kinds(decide(view(checks={}), NOW))

    def test_a_held_pooler_points_at_the_leader_to_be_but_does_not_release(self) -> None:
        before = view(THIRD, checks={THIRD: REPLICA, ME: REPLICA}, rw=pooler(SECOND, paused=True))
        done, rest = settled(before)
        assert "Point rw" in kinds(done)
        assert "Release rw" not in kinds(done)
        assert rest.cluster.report == Report(Phase.HELD, target=THIRD)

    def test_released_once_the_new_leader_takes_writes(self) -> None:
        done, rest = settled(view(THIRD, rw=pooler(SECOND, paused=True)))
        assert kinds(done)[:2] == ["Point rw", "Release rw"]
        assert rest.cluster.report == Report(Phase.RUNNING, target=THIRD)

    def test_the_same_leader_come_back_is_enough(self) -> None:
        assert "Release rw" in kinds(decide(view(rw=pooler(SECOND, paused=True)), NOW))


class TestDoubt:
    """A check that fails for its own reasons is no news of the member."""

    def test_the_target_stays_in_use(self) -> None:
        assert "Hold rw" not in kinds(decide(view(checks={SECOND: UNKNOWN, ME: REPLICA}), NOW))

    def test_nobody_is_released_on_it(self) -> None:
        before = view(checks={SECOND: UNKNOWN, ME: REPLICA}, rw=pooler(SECOND, paused=True))
        assert "Release rw" not in kinds(settled(before)[0])

    def test_another_leader_is_not_taken_on_it(self) -> None:
        before = view(THIRD, checks={THIRD: UNKNOWN, ME: REPLICA}, rw=pooler(SECOND))
        assert "Hold rw" in kinds(decide(before, NOW))

    def test_the_read_only_pooler_stays_too(self) -> None:
        before = view(checks={ME: UNKNOWN, SECOND: UP, THIRD: REPLICA})
        assert not any(isinstance(each, Point) for each in decide(before, NOW))


class TestPlannedSwitchover:
    def test_story(self) -> None:
        """Order, pause, shutdown, new key, promotion, end of the order."""
        done, now = settled(view(order=ORDER))
        assert kinds(done) == ["Hold rw", "paused"]
        assert now.cluster.report == Report(Phase.PAUSED, "op-1", target=SECOND)

        now = replace(now, checks={**now.checks, SECOND: DOWN})
        assert settled(now)[0] == []
        now = replace(now, cluster=replace(now.cluster, leader=None))
        assert settled(now)[0] == []

        now = replace(
            now,
            cluster=replace(now.cluster, leader=THIRD),
            checks={SECOND: DOWN, THIRD: REPLICA, ME: REPLICA},
        )
        done, now = settled(now)
        assert kinds(done) == ["Point rw", "paused"]

        now = replace(now, checks={**now.checks, THIRD: UP})
        done, now = settled(now)
        assert kinds(done) == ["Release rw", "running"]
        assert now.cluster.report == Report(Phase.RUNNING, "op-1", target=THIRD)

        now = replace(now, cluster=replace(now.cluster, order=None))
        assert kinds(settled(now)[0]) == ["running"]

    def test_transactions_in_the_way_are_reported(self) -> None:
        before = view(order=ORDER, rw=pooler(SECOND, paused=True, busy=2))
        [tell] = decide(before, NOW)
        assert isinstance(tell, Tell)
        assert tell.report == Report(Phase.PAUSING, "op-1", blockers=2, target=SECOND)

    def test_called_off(self) -> None:
        done, _ = settled(view(rw=pooler(SECOND, paused=True)))
        assert kinds(done) == ["Release rw", "running"]

    def test_called_off_after_the_shutdown_began(self) -> None:
        """Nobody is released before the old leader takes writes again."""
        before = view(checks={SECOND: DOWN, ME: REPLICA}, rw=pooler(SECOND, paused=True))
        assert "Release rw" not in kinds(settled(before)[0])

    def test_an_order_for_somebody_who_does_not_lead_any_more_is_carried_out_already(self) -> None:
        done, rest = settled(view(THIRD, order=ORDER))
        assert "Hold rw" not in kinds(done)
        assert rest.cluster.report == Report(Phase.RUNNING, "op-1", target=THIRD)

    def test_an_order_that_nobody_could_lift_is_not_followed(self) -> None:
        before = view(order=ORDER, trusted=False, rw=pooler(SECOND, paused=True))
        assert "Release rw" in kinds(decide(before, NOW))


class TestWithoutEtcd:
    def test_the_target_stays(self) -> None:
        assert decide(view(trusted=False), NOW) == []

    def test_the_member_that_takes_writes_is_found(self) -> None:
        before = view(SECOND, checks={SECOND: REPLICA, THIRD: UP, ME: REPLICA}, trusted=False)
        assert kinds(decide(before, NOW)) == ["Point rw"]

    def test_of_two_the_one_on_the_higher_timeline(self) -> None:
        checks = {SECOND: Check(Health.PRIMARY, 4), THIRD: Check(Health.PRIMARY, 5)}
        assert primary(view(SECOND, checks=checks, trusted=False)) == THIRD

    def test_of_two_on_one_timeline_the_one_in_use(self) -> None:
        checks = {SECOND: UP, THIRD: UP}
        assert primary(view(THIRD, checks=checks, trusted=False, rw=pooler(SECOND))) == SECOND

    def test_nobody_takes_writes(self) -> None:
        before = view(checks={SECOND: DOWN, ME: REPLICA, THIRD: REPLICA}, trusted=False)
        assert kinds(decide(before, NOW)) == ["Hold rw"]


def test_without_patroni_in_charge_a_missing_key_means_nothing() -> None:
    before = view(None, checks={SECOND: UP, ME: REPLICA}, unmanaged=True)
    assert "Hold rw" not in kinds(decide(before, NOW))


def test_nothing_is_touched_before_anything_is_known() -> None:
    before = view()
    assert decide(replace(before, cluster=replace(before.cluster, members={})), NOW) == []


def test_poolers_that_do_not_answer_are_left_alone() -> None:
    assert decide(replace(view(), rw=None, ro=None), NOW) == []


class TestHandEdits:
    @pytest.mark.parametrize("text", [None, "", "[databases]\nshop = host=10.9.9.9\n"])
    def test_the_file_is_mended(self, text: str | None) -> None:
        before = view(rw=replace(pooler(SECOND), file=text))
        assert kinds(decide(before, NOW))[0] == "Point rw"

    def test_a_database_that_is_not_loaded(self) -> None:
        before = view(rw=replace(pooler(SECOND), entries={"shop": Entry("10.0.0.2")}))
        assert kinds(decide(before, NOW))[0] == "Point rw"

    def test_one_database_somewhere_else(self) -> None:
        entries = {"shop": Entry("10.0.0.2"), "stock": Entry("10.0.0.3")}
        assert "Point rw" in kinds(decide(view(rw=replace(pooler(SECOND), entries=entries)), NOW))

    def test_a_pause_by_hand_is_undone(self) -> None:
        entries = {"shop": Entry("10.0.0.2", paused=True), "stock": Entry("10.0.0.2")}
        [release, *_] = decide(view(rw=replace(pooler(SECOND), entries=entries)), NOW)
        assert release == Release(Side.RW, ("shop",), "its clients may go on")


class TestConnectionsElsewhere:
    def stuck(self, since: float) -> View:
        return view(rw=replace(pooler(SECOND), elsewhere=("10.0.0.3",), elsewhere_since=since))

    def test_they_get_time_to_end(self) -> None:
        assert "Cut rw" not in kinds(decide(self.stuck(NOW - GRACE_S / 2), NOW))

    def test_then_they_are_cut(self) -> None:
        commands = decide(self.stuck(NOW - GRACE_S), NOW)
        assert any(isinstance(each, Cut) and each.hosts == ("10.0.0.3",) for each in commands)

    def test_they_are_watched_closely_until_then(self) -> None:
        assert pace_s(self.stuck(NOW), 0.0) < GRACE_S


class TestReads:
    def reader(self, **changes: object) -> str | None:
        for command in decide(view(**changes), NOW):  # type: ignore[arg-type]
            if isinstance(command, Point) and command.side is Side.RO:
                return command.member
        return None

    def test_from_this_nodes_replica(self) -> None:
        assert self.reader(ro=pooler(THIRD)) == ME

    def test_from_another_while_this_node_leads(self) -> None:
        assert self.reader(leader=ME, ro=pooler(ME)) == SECOND

    def test_the_one_in_use_stays_in_use(self) -> None:
        assert self.reader(leader=ME, ro=pooler(THIRD)) is None

    def test_from_another_while_this_nodes_replica_is_down(self) -> None:
        checks = {ME: DOWN, SECOND: UP, THIRD: REPLICA}
        assert self.reader(checks=checks, ro=pooler(ME)) == THIRD

    def test_from_the_leader_where_there_is_no_replica(self) -> None:
        checks = {ME: DOWN, SECOND: UP, THIRD: DOWN}
        assert self.reader(checks=checks, ro=pooler(ME)) == SECOND

    def test_from_where_it_was_when_nobody_can_serve(self) -> None:
        checks = {ME: DOWN, SECOND: DOWN, THIRD: DOWN}
        assert self.reader(checks=checks, ro=pooler(ME)) is None

    @pytest.mark.parametrize(("lag_bytes", "member"), [(LAG_BOUND_BYTES, None), (1001, THIRD)])
    def test_not_from_one_that_is_behind(self, lag_bytes: int, member: str | None) -> None:
        checks = {
            ME: Check(Health.REPLICA, replayed=10_000 - lag_bytes),
            SECOND: UP,
            THIRD: Check(Health.REPLICA, replayed=10_000),
        }
        assert self.reader(checks=checks, ro=pooler(ME), written=10_000) == member

    def test_one_that_was_behind_comes_back_when_it_is_half_as_near(self) -> None:
        def checks(lag_bytes: int) -> dict[str, Check]:
            near = Check(Health.REPLICA, replayed=10_000)
            return {
                ME: Check(Health.REPLICA, replayed=10_000 - lag_bytes),
                SECOND: UP,
                THIRD: near,
            }

        assert self.reader(checks=checks(501), ro=pooler(THIRD), written=10_000) is None
        assert self.reader(checks=checks(500), ro=pooler(THIRD), written=10_000) == ME

    def test_nobody_is_moved_for_want_of_an_answer(self) -> None:
        assert self.reader(checks={SECOND: UP}) is None

    def test_clients_of_the_read_only_pooler_are_never_held(self) -> None:
        commands = decide(view(None, checks={}), NOW)
        assert not any(isinstance(each, Hold) and each.side is Side.RO for each in commands)


class TestPace:
    def test_slow_while_nothing_happens(self) -> None:
        assert pace_s(view(), 0.0) >= 2

    def test_quick_while_the_next_leader_is_promoted(self) -> None:
        before = view(THIRD, checks={THIRD: REPLICA}, rw=pooler(THIRD, paused=True))
        assert pace_s(before, 1.0) <= 0.02

    def test_not_for_ever(self) -> None:
        before = view(THIRD, checks={THIRD: REPLICA}, rw=pooler(THIRD, paused=True))
        assert pace_s(before, 300.0) >= 0.5

    def test_no_polling_for_a_key_that_is_told(self) -> None:
        before = view(order=ORDER, rw=pooler(SECOND, paused=True))
        assert pace_s(before, 1.0) >= 0.2

    def test_quick_while_transactions_are_in_the_way(self) -> None:
        before = view(order=ORDER, rw=pooler(SECOND, paused=True, busy=1))
        assert pace_s(before, 1.0) <= 0.1


def test_an_empty_pooler_is_pointed() -> None:
    assert kinds(decide(view(rw=Pooler()), NOW))[0] == "Point rw"
