"""A control plane with toy operations, run as a process of its own: `toy_plane.py URL FOLDER`.

Every step appends its name to FOLDER/calls and writes FOLDER/effects/NAME. A step that finds
FOLDER/kill-before-NAME or FOLDER/kill-after-NAME removes the file and kills this process the hard
way, before or after its effect.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from holdfast.api.serve import Listener, exit_at_once, serve
from holdfast.app.wiring import control
from holdfast.core.errors import Invalid, NotFound, Refused, Transient
from holdfast.core.finding import Finding, Location, Severity
from holdfast.core.layout import API_PORT
from holdfast.providers.local import load
from holdfast.providers.settings import Settings
from holdfast.store import Store
from holdfast.system.clock import SystemClock
from holdfast.system.memory_host import MemoryHost
from holdfast.workflows.registry import Workflow
from holdfast.workflows.run import Run, Step

FOLDER = Path(sys.argv[2])


def _die_if_told(when: str, name: str) -> None:
    order = FOLDER / f"kill-{when}-{name}"
    if order.exists():
        order.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


async def act(name: str, seconds: float = 0.0) -> dict[str, Any]:
    with (FOLDER / "calls").open("a") as calls:
        calls.write(name + "\n")
    _die_if_told("before", name)
    await asyncio.sleep(seconds)
    (FOLDER / "effects").mkdir(exist_ok=True)
    (FOLDER / "effects" / name).write_text(name)
    _die_if_told("after", name)
    return {"name": name}


async def six(run: Run, request: Mapping[str, Any]) -> dict[str, Any]:
    names = []
    for number in range(1, 7):
        run.log(f"about to do {number}")
        result = await run.step(f"step-{number}", act, f"step-{number}", request.get("seconds", 0))
        names.append(result["name"])
    return {"names": names}


async def diamond(run: Run, request: Mapping[str, Any]) -> dict[str, Any]:
    def node(name: str, *needs: str) -> Step:
        return Step(name, lambda: act(name, 0.05), needs)

    await run.step("begin", act, "begin")
    done = await run.graph(
        [node("a"), node("b", "a"), node("c", "a"), node("d", "b", "c"), node("e"), node("f", "e")],
        limit=3,
    )
    await run.step("end", act, "end")
    return {"names": sorted(done)}


async def broken_graph(run: Run, request: Mapping[str, Any]) -> dict[str, Any]:
    async def bad() -> None:
        await act("bad")
        raise Refused("it is forbidden on Sundays", subject="database orders", hint="Wait.")

    def node(name: str, *needs: str) -> Step:
        return Step(name, lambda: act(name, 0.1), needs)

    steps = [Step("bad", bad), node("good"), node("never", "bad"), node("late"), node("later")]
    try:
        await run.graph(steps, limit=2)
    finally:
        await run.step("clean-up", act, "clean-up", always=True)
    return {}


async def fails(run: Run, request: Mapping[str, Any]) -> dict[str, Any]:
    async def step() -> None:
        if request["how"] == "findings":
            where = Location("orders.yaml", 3, 5, "tier")
            raise Invalid(
                "the document is wrong",
                [Finding("spec.tier", Severity.ERROR, "orders", "no tier 'x'", "Use one.", where)],
                hint="Correct it.",
            )
        if request["how"] == "not-found":
            raise NotFound("there is no moon", subject="moon", hint="Look up.")
        if request["how"] == "not-json":
            return object()  # type: ignore[return-value]
        raise ZeroDivisionError("division by zero")

    await run.step("look", act, "look")
    await run.step("burst", step)
    return {}


async def flaky(run: Run, request: Mapping[str, Any]) -> dict[str, Any]:
    left = request["times"]

    async def step() -> str:
        nonlocal left
        left -= 1
        if left >= 0:
            raise Transient(f"{left} to go", retry_after_s=0.05)
        return "at last"

    return {"said": await run.step("flaky", step, retry_for_s=request.get("retry_for_s", 5))}


async def long(run: Run, request: Mapping[str, Any]) -> dict[str, Any]:
    async def step(number: int) -> None:
        run.progress(number, request["steps"], "rows copied")
        run.log(f"line {number}")
        await asyncio.sleep(request.get("seconds", 0.1))

    try:
        for number in range(request["steps"]):
            await run.step(f"part-{number}", step, number)
    finally:
        await run.step("clean-up", act, "clean-up", always=True)
    return {}


async def nothing(run: Run, request: Mapping[str, Any]) -> dict[str, Any]:
    async def step() -> None:
        return None

    for number in range(request["steps"]):
        await run.step(f"n-{number}", step)
    return {}


def check(request: Mapping[str, Any]) -> None:
    if "how" not in request:
        raise Invalid("the request has no 'how'", hint="Say how.")


WORKFLOWS = {
    workflow.kind: workflow
    for workflow in (
        Workflow("six", six),
        Workflow("diamond", diamond),
        Workflow("broken-graph", broken_graph),
        Workflow("fails", fails, check),
        Workflow("flaky", flaky),
        Workflow("long", long),
        Workflow("nothing", nothing),
    )
}


def main() -> None:
    url = sys.argv[1]
    site = load(FOLDER)
    platform = SimpleNamespace(site=site, store=Store(url), host=MemoryHost(), clock=SystemClock())
    plane = control(Settings(FOLDER), platform, WORKFLOWS, on_lost=exit_at_once)
    pki = FOLDER / "pki"
    listener = Listener(site.api_address, API_PORT, pki / "ca.crt", pki / "api.key")
    token = (FOLDER / "api.token").read_text().strip()
    asyncio.run(serve(plane, listener, token=lambda: token))


if __name__ == "__main__":
    main()
