"""Steps, graphs, cancellation and retries of a run, over in-memory twins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import Bug, Cancelled, Error, NotFound, Refused, TimedOut, Transient
from holdfast.workflows.run import Run, Step
from tests.unit.workflows.twins import Died, World


async def value(given: Any) -> Any:
    return given


async def test_a_step_is_called_once_over_all_attempts() -> None:
    world, calls = World(), []

    async def act(name: str) -> str:
        calls.append(name)
        if name == "b" and calls.count("b") == 1:
            raise Died
        return name

    async def body(run: Run) -> list[str]:
        return [await run.step(name, act, name) for name in "abc"]

    with pytest.raises(Died):
        await body(world.attempt())
    assert await body(world.attempt()) == ["a", "b", "c"]
    assert calls == ["a", "b", "b", "c"]
    assert world.journal.by_name == dict.fromkeys("abc", "succeeded")


async def test_an_error_comes_back_as_what_it_was_also_in_a_replay() -> None:
    world, calls = World(), []

    async def act() -> None:
        calls.append(1)
        raise NotFound("there is no moon", subject="moon", hint="Look up.")

    for _ in range(2):
        run = world.attempt()
        with pytest.raises(NotFound, match="there is no moon") as caught:
            await run.step("look", act)
        assert (caught.value.subject, caught.value.hint) == ("moon", "Look up.")
        assert run.step_of(caught.value) == "look"
        assert run.step_of(Error("another")) == ""
    assert calls == [1]


@pytest.mark.parametrize("result", [object(), {1, 2}, float("nan"), {"x": b"bytes"}])
async def test_a_result_that_is_not_json_is_a_bug(result: Any) -> None:
    with pytest.raises(Bug, match="'look' returned something that is not JSON"):
        await World().attempt().step("look", value, result)


async def test_a_deadline_ends_a_step() -> None:
    async def act() -> None:
        await asyncio.sleep(5)

    with pytest.raises(TimedOut):
        await World().attempt().step("wait", act, timeout_s=0.01)


async def test_transient_errors_are_tried_again_and_then_given_up() -> None:
    left = 3

    async def act() -> str:
        nonlocal left
        left -= 1
        if left > 0:
            raise Transient("busy", retry_after_s=0.001)
        return "done"

    assert await World().attempt().step("try", act) == "done"
    left = 10**9
    with pytest.raises(Transient, match="busy"):
        await World().attempt().step("try", act, retry_for_s=0.02)


async def test_cancellation_stops_between_steps_and_still_cleans_up() -> None:
    world = World()

    async def stop() -> None:
        world.journal.stop = True

    async def body(run: Run) -> None:
        try:
            await run.step("one", stop)
            await run.step("two", value, 2)
        finally:
            await run.step("clean", value, None)

    for _ in range(2):  # the second time is a replay
        with pytest.raises(Cancelled, match="cancelled before step 'two'"):
            await body(world.attempt())
    expected = {"one": "succeeded", "two": "cancelled", "clean": "succeeded"}
    assert world.journal.by_name == expected


async def test_a_clean_up_after_a_failure_runs_though_cancelled() -> None:
    world = World()

    async def fail() -> None:
        world.journal.stop = True
        raise Refused("no")

    run = world.attempt()
    with pytest.raises(Refused):
        await run.step("fail", fail)
    await run.step("clean", value, None, always=True)
    with pytest.raises(Cancelled):
        await run.step("more", value, None)


async def test_log_lines_of_a_body_are_written_once() -> None:
    world = World()

    async def body(run: Run, die: bool) -> None:
        run.log("before")
        run.log("again")
        await run.step("one", value, 1)
        run.log("between")
        await run.settle()
        if die:
            raise Died

    with pytest.raises(Died):
        await body(world.attempt(), True)
    await body(world.attempt(), False)
    assert [*world.journal.lines.values()] == ["before", "again", "between"]


async def test_progress_belongs_to_the_step_that_reports_it() -> None:
    world = World()
    run = world.attempt()

    async def act() -> None:
        run.progress(1, 4, "rows")
        run.progress(3, 4, "rows")

    await run.step("copy", act)
    assert world.journal.details[1]["progress"] == {"done": 3, "total": 4, "text": "rows"}
    with pytest.raises(Bug):
        run.progress(1)


async def test_a_graph_runs_what_it_can_at_once_and_no_more() -> None:
    running, most = 0, 0

    def node(name: str, *needs: str) -> Step:
        async def act() -> str:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1
            return name

        return Step(name, act, needs)

    steps = [node("z", "a", "b", "c", "d"), *(node(name) for name in "abcd")]
    done = await World().attempt().graph(steps, limit=3)
    assert done == {name: name for name in "zabcd"}
    assert most == 3


async def test_a_graph_fails_fast_and_names_the_earliest_failure() -> None:
    world, calls = World(), []

    def node(name: str, *needs: str, error: Error | None = None, wait_s: float = 0.0) -> Step:
        async def act() -> str:
            calls.append(name)
            await asyncio.sleep(wait_s)
            if error is not None:
                raise error
            return name

        return Step(name, act, needs)

    steps = [
        node("slow", error=Refused("slow says no"), wait_s=0.01),
        node("quick", error=Refused("quick says no")),
        node("good", wait_s=0.02),
        node("after", "good"),
        node("late"),
    ]
    for _ in range(2):
        run = world.attempt()
        with pytest.raises(Refused, match="slow says no") as caught:
            await run.graph(steps, limit=3)
        assert run.step_of(caught.value) == "slow"
    assert sorted(calls) == ["good", "quick", "slow"]
    assert world.journal.by_name["after"] == world.journal.by_name["late"] == "pending"


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        ({"a": ["b"], "b": ["a"]}, "wait for each other"),
        ({"a": ["nowhere"]}, "a needs nowhere"),
    ],
)
async def test_a_graph_that_cannot_end_is_a_bug(needs: dict[str, list[str]], message: str) -> None:
    steps = [Step(name, lambda: value(1), tuple(need)) for name, need in needs.items()]
    with pytest.raises(Bug, match=message):
        await World().attempt().graph(steps)


async def test_an_empty_graph_is_done() -> None:
    assert await World().attempt().graph([]) == {}


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    names = [f"n{k}" for k in range(draw(st.integers(1, 7)))]
    return {
        name: tuple(draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=3)))
        if place
        else ()
        for place, name in enumerate(names)
    }


@settings(max_examples=150)
@given(
    needs=graphs(),
    limit=st.integers(1, 4),
    deaths=st.lists(st.integers(0, 6), max_size=4),
    failing=st.none() | st.integers(0, 6),
)
def test_deaths_anywhere_change_nothing_about_how_a_graph_ends(
    needs: dict[str, tuple[str, ...]], limit: int, deaths: list[int], failing: int | None
) -> None:
    asyncio.run(_die_and_compare(needs, limit, deaths, failing))


async def _die_and_compare(
    needs: dict[str, tuple[str, ...]], limit: int, deaths: list[int], failing: int | None
) -> None:
    world = World()
    to_die = {f"n{number}" for number in deaths}
    ended: list[str] = []
    bad = f"n{failing}"

    def act(name: str) -> Callable[[], Awaitable[str]]:
        async def do() -> str:
            for need in needs[name]:
                assert need in ended
            await asyncio.sleep(0)
            if name in to_die:
                to_die.discard(name)
                raise Died
            if name == bad:
                raise Refused(f"{name} says no")
            ended.append(name)
            return name

        return do

    steps = [Step(name, act(name), need) for name, need in needs.items()]
    outcome: object = None
    states: list[set[str]] = []
    for _ in range(len(deaths) + 1):
        try:
            outcome = await world.attempt().graph(steps, limit=limit)
            break
        except Refused as error:
            outcome = error.message
            break
        except Died:
            states.append(set(world.journal.by_name))
    if bad in needs:
        assert outcome == f"{bad} says no"
    else:
        assert outcome == {name: name for name in needs}
        assert sorted(ended) == sorted(needs)
    # Whatever is recorded is replayed to the same end.
    before = dict(world.checkpoints.recorded)
    try:
        again: object = await world.attempt().graph(steps, limit=limit)
    except Refused as error:
        again = error.message
    assert again == outcome
    assert world.checkpoints.recorded == before
