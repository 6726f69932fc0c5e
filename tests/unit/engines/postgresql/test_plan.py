"""The planner: what it plans, in which order, and that plans end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.change import Action, Disruption, Resource, difference, state
from holdfast.engines.postgresql.plan import in_order, moved, plan, simulate
from holdfast.engines.postgresql.render import HAS_TO_LEAVE, desired
from tests.unit.engines.postgresql.clusters import cluster

WANTED = desired(cluster())


def test_a_new_cluster_is_all_creations_and_disturbs_nobody() -> None:
    made = plan("orders", WANTED, {})
    assert {change.action for change in made.changes} == {Action.CREATE}
    assert made.disruption is Disruption.NONE
    assert len(made.changes) == len(WANTED)


def test_nothing_to_do_is_an_empty_plan() -> None:
    assert plan("orders", WANTED, WANTED).changes == ()


def test_needs_come_first() -> None:
    made = plan("orders", WANTED, {})
    place = {change.id: number for number, change in enumerate(made.changes)}
    for change in made.changes:
        assert all(place[need] < place[change.id] for need in change.needs)


def test_the_first_backup_begins_before_everything_that_could_begin_with_it() -> None:
    """It is the longest chain behind the leader: nothing may stand in its way."""
    made = [change.target for change in plan("orders", WANTED, {}).changes]
    behind = made[made.index("leader") + 1 :]
    assert behind[:2] == ["archive", "backup"]
    assert {"node/2/member", "database/orders", "role/orders_rw"} < set(behind)


def test_a_need_reaches_through_what_is_there_already() -> None:
    # The processes stand between the configuration and the leader; they do not change here.
    observed = {id: each for id, each in WANTED.items() if id not in ("configuration", "leader")}
    made = {change.target: change for change in plan("orders", WANTED, observed).changes}
    assert made["leader"].needs == ("create configuration",)


@given(st.sets(st.sampled_from(sorted(WANTED))), st.sets(st.sampled_from(sorted(WANTED))))
def test_planning_ends_from_every_state(missing: set[str], changed: set[str]) -> None:
    observed = {
        id: replace(each, attributes={"changed": "by hand"}) if id in changed else each
        for id, each in WANTED.items()
        if id not in missing
    }
    made = plan("orders", WANTED, observed)
    assert plan("orders", WANTED, simulate(observed, WANTED, made.changes)).changes == ()


@given(st.sets(st.sampled_from(sorted(WANTED))), st.integers(min_value=0, max_value=80))
def test_an_interrupted_plan_goes_on_where_it_stopped(missing: set[str], done: int) -> None:
    observed = {id: each for id, each in WANTED.items() if id not in missing}
    made = plan("orders", WANTED, observed)
    after = simulate(observed, WANTED, made.changes[:done])
    assert [each.target for each in plan("orders", WANTED, after).changes] == [
        each.target for each in made.changes[done:]
    ]


def test_scaling_in_removes_the_node_last() -> None:
    fewer = desired(cluster(tier="tier-1", more="nodes: 2"))
    more = desired(cluster(tier="tier-1", more="nodes: 3"))
    observed = {id: each for id, each in more.items() if not id.startswith("node/3/")}
    observed["node/3"] = Resource("node/3", "node", {"name": "orders-3"})
    made = plan("orders", fewer, observed)
    assert made.changes[-1].id == "delete node/3"
    assert made.changes[-1].disruption is Disruption.RESTART
    assert set(made.changes[-1].needs) == {change.id for change in made.changes[:-1]}


def test_a_larger_size_means_a_rolling_restart() -> None:
    made = plan("orders", desired(cluster(size="s")), WANTED)
    changed = {change.target: change.disruption for change in made.changes}
    assert changed["configuration"] is Disruption.SWITCHOVER


def test_a_parameter_that_a_reload_can_set_restarts_nothing() -> None:
    wanted = desired(cluster(more="parameters: {work_mem: 8MB}"))
    (change,) = plan("orders", wanted, WANTED).changes
    assert (change.target, change.disruption) == ("configuration", Disruption.RELOAD)
    before, after = difference(change.before or {}, change.after or {})
    assert set(after["postgresql"]["parameters"]) == {"work_mem"}
    assert set(before["postgresql"]["parameters"]) == {"work_mem"}


def test_restarts_never_overlap() -> None:
    observed = dict(WANTED)
    for node in (1, 2, 3):
        id = f"node/{node}/process/patroni"
        observed[id] = replace(
            WANTED[id], attributes={**WANTED[id].attributes, "definition": "another"}
        )
    changes = plan("orders", WANTED, observed).changes
    assert [change.disruption for change in changes] == [Disruption.RESTART] * 3
    assert [change.needs for change in changes] == [
        (),
        (changes[0].id,),
        (changes[0].id, changes[1].id),
    ]


def _changed(*ids: str, **attributes: object) -> dict[str, Resource]:
    """The wanted state, but for these attributes of these resources."""
    observed = dict(WANTED)
    for id in ids:
        observed[id] = replace(WANTED[id], attributes={**WANTED[id].attributes, **attributes})
    return observed


def test_the_leader_s_node_comes_last_so_that_its_role_moves_once() -> None:
    observed = _changed(*(f"node/{node}/process/patroni" for node in (1, 2, 3)), definition="x")
    changes = plan("orders", WANTED, observed, leader=1).changes
    assert [change.target for change in changes] == [
        f"node/{node}/process/patroni" for node in (2, 3, 1)
    ]


def test_agents_are_replaced_after_every_restart_because_they_hold_the_clients() -> None:
    programs = ("node/1/process/agent", "node/1/process/patroni", "node/2/process/patroni")
    changes = plan("orders", WANTED, _changed(*programs, definition="x")).changes
    agent = next(change for change in changes if change.kind == "agent")
    assert set(agent.needs) == {change.id for change in changes if change is not agent}


def test_a_single_node_restarts_and_has_nobody_to_switch_over_to() -> None:
    alone = desired(cluster(tier="tier-3"))
    (change,) = (
        each
        for each in plan("orders", desired(cluster(tier="tier-3", size="s")), alone).changes
        if each.kind == "configuration"
    )
    assert change.disruption is Disruption.RESTART


def test_a_lowered_parameter_of_the_leader_first_means_a_restart_in_place() -> None:
    larger = desired(cluster(size="s"))
    (change,) = (e for e in plan("orders", WANTED, larger).changes if e.kind == "configuration")
    assert change.disruption is Disruption.RESTART


def test_what_was_set_by_hand_and_takes_a_restart_is_told_as_one() -> None:
    for attribute, value in (
        ("set_by_hand", {"max_connections": "7"}),
        ("parameters", {"shared_buffers": "1GB instead of 512MB"}),
        ("waits_for_restart", ["wal_buffers"]),
    ):
        (change,) = plan("orders", WANTED, _changed("node/1/member", **{attribute: value})).changes
        assert change.disruption is Disruption.SWITCHOVER, attribute
    (change,) = plan(
        "orders", WANTED, _changed("node/1/member", set_by_hand={"work_mem": "7MB"})
    ).changes
    assert change.disruption is Disruption.RELOAD


def test_a_leader_that_has_to_leave_hands_over() -> None:
    observed = _changed("leader", state=f"orders-4 {HAS_TO_LEAVE}")
    (change,) = plan("orders", WANTED, observed).changes
    assert change.disruption is Disruption.SWITCHOVER


def test_pools_grow_after_the_servers_and_shrink_before_them() -> None:
    larger = desired(cluster(size="s"))
    for old, new, waits in ((WANTED, larger, True), (larger, WANTED, False)):
        changes = {change.target: change for change in plan("orders", new, old).changes}
        assert ("update configuration" in changes["node/1/files"].needs) is waits


def test_commits_wait_for_new_replicas_only_once_these_are_there() -> None:
    """Were a strict tier's rule put first, every commit would wait until a replica has come."""
    alone = desired(cluster(tier="tier-3"))
    changes = plan("orders", desired(cluster(tier="tier-0")), alone).changes
    place = {change.target: number for number, change in enumerate(changes)}
    assert place["configuration"] < place["node/3/member"] < place["synchronous"]
    back = plan("orders", alone, WANTED).changes
    assert next(each.kind for each in back if each.kind in ("synchronous", "node")) == "synchronous"


def test_a_plan_still_holds_when_only_what_passes_came_or_went() -> None:
    calm = plan("orders", WANTED, _changed("role/orders_rw", login=True))
    busy = plan(
        "orders",
        WANTED,
        _changed("role/orders_rw", login=True)
        | {"node/2/member": _changed("node/2/member", state="starting")["node/2/member"]}
        | {"leader": _changed("leader", state="orders-1 is in recovery")["leader"]},
    )
    assert moved(calm, busy) == ""
    assert moved(busy, calm) == ""
    assert calm.digest != busy.digest


def test_a_plan_does_not_hold_when_anything_else_moved() -> None:
    saved = plan("orders", WANTED, _changed("role/orders_rw", login=True))
    nothing = plan("orders", WANTED, WANTED)
    assert moved(saved, nothing) == "done or gone: update role/orders_rw"
    assert moved(nothing, saved) == "new: update role/orders_rw"
    other = plan("orders", WANTED, _changed("role/orders_rw", superuser=True))
    assert moved(saved, other) == "different: update role/orders_rw"


def test_another_address_of_a_new_node_does_not_unmake_a_plan() -> None:
    elsewhere = cluster()
    nodes = tuple(replace(n, address=n.address.replace(".13.", ".14.")) for n in elsewhere.nodes)
    other = plan("orders", desired(replace(elsewhere, nodes=nodes)), {})
    assert other.digest != plan("orders", WANTED, {}).digest
    assert moved(plan("orders", WANTED, {}), other) == ""


def test_a_circle_is_named() -> None:
    circle = state([Resource("a", "files", after=("b",)), Resource("b", "files", after=("a",))])
    with pytest.raises(ValueError, match="a, b"):
        in_order(plan("x", circle, {}).changes)


def test_the_digest_says_whether_two_plans_do_the_same() -> None:
    assert plan("orders", WANTED, {}).digest == plan("orders", desired(cluster()), {}).digest
    assert (
        plan("orders", WANTED, {}).digest != plan("orders", desired(cluster(size="s")), {}).digest
    )


def test_a_new_release_of_ours_restarts_the_agents_alone() -> None:
    old = cluster()
    newer = replace(old, installation=replace(old.installation, own_packages="/srv/other"))
    made = plan("orders", desired(newer), desired(old))
    assert [change.target for change in made.changes] == [
        f"node/{node}/process/agent" for node in (1, 2, 3)
    ]
    assert made.disruption is Disruption.NONE
