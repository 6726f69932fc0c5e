from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.change import Action, Change
from holdfast.workflows.batches import batches

SHARED = ("role", "membership")


def change(name: str, kind: str, *needs: str) -> Change:
    return Change(f"create {name}", kind, Action.CREATE, name, None, {}, needs=needs)


def test_changes_of_one_kind_and_depth_share_a_step() -> None:
    made = batches(
        [
            change("leader", "leader"),
            change("role/a", "role", "create leader"),
            change("role/b", "role", "create leader"),
            change("role/c", "role", "create role/a"),
            change("membership/a/b", "membership", "create role/a", "create role/b"),
        ],
        SHARED,
    )
    assert [(each.name, each.needs) for each in made] == [
        ("create leader", ()),
        ("create role/a and 1 more", ("create leader",)),
        ("create role/c", ("create role/a and 1 more",)),
        ("create membership/a/b", ("create role/a and 1 more",)),
    ]


def test_a_need_that_is_not_in_the_plan_is_met() -> None:
    (only,) = batches([change("role/a", "role", "create leader")], SHARED)
    assert only.needs == ()


@st.composite
def plans(draw: st.DrawFn) -> list[Change]:
    made: list[Change] = []
    for number in range(draw(st.integers(0, 12))):
        needs = draw(st.lists(st.sampled_from(made), unique_by=id)) if made else []
        kind = draw(st.sampled_from([*SHARED, "process", "member"]))
        made.append(change(f"x/{number}", kind, *(each.id for each in needs)))
    return made


@given(plans())
def test_every_change_is_done_once_and_after_what_it_needs(plan: list[Change]) -> None:
    made = batches(plan, SHARED)
    done: list[str] = []
    left = list(made)
    names: set[str] = set()
    while left:
        ready = [each for each in left if names.issuperset(each.needs)]
        assert ready, "no batch may wait for itself"
        for batch in ready:
            for each in batch.changes:
                assert set(each.needs) <= set(done)
            done += [each.id for each in batch.changes]
        names.update(each.name for each in ready)
        left = [each for each in left if each.name not in names]
    assert sorted(done) == sorted(each.id for each in plan)
    assert len(names) == len(made)
