"""Operations that are cut off: by the death of the control plane, by people, by each other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.layout import etcd_prefix
from tests.scenario import faults_support
from tests.scenario.faults_support import FaultySite, Ledger
from tests.scenario.site import until

faulty = faults_support.faulty
SEED = 20260
TWO_NODES: dict[str, Any] = {"tier": "tier-2", "classification": "internal"}


# -- the control plane dies -----------------------------------------------------------------------


class Kills:
    """Kills the control plane when this share of an operation's steps is done, once each."""

    def __init__(self, site: FaultySite, operation: str, shares: list[float]) -> None:
        self.site, self.operation = site, operation
        self.left, self.interrupted = sorted(shares), []

    def until_the_end(self, deadline_s: float = 240) -> dict[str, Any]:
        end = time.monotonic() + deadline_s
        while (state := self._state()) in ("queued", "running"):
            assert time.monotonic() < end, (state, self._steps())
            states = [state for _, state in self._steps()]
            # While there is one step only, the number of all of them is not known yet.
            known = len(states) if len(states) > 1 else 0
            if known and self.left and states.count("succeeded") >= self.left[0] * known:
                self._kill()
            time.sleep(0.02)
        return self._outcome()

    def _kill(self) -> None:
        self.left.pop(0)
        killed = self.site.kill("control-plane")
        self.interrupted.append([name for name, state in self._steps() if state == "running"])
        until(
            lambda: self.site.pids().get("control-plane") not in (None, killed),
            every_s=0.1,
            what="a new control plane",
        )
        until(self.site.answers, what="its API")

    def _state(self) -> str:
        query = f"select state from holdfast.operation where id = '{self.operation}'"
        return str(self.site.control_rows(query)[0][0])

    def _steps(self) -> list[tuple[str, str]]:
        return self.site.control_rows(
            "select name, state from holdfast.operation_step"
            f" where operation_id = '{self.operation}' order by seq"
        )

    def _outcome(self) -> dict[str, Any]:
        found: dict[str, Any] = self.site.json("op", "show", self.operation)
        return found


def _killed(site: FaultySite, shares: list[float], *command: str | Path) -> Kills:
    """Start an operation, kill the control plane again and again, see that it succeeds."""
    operation = site.run(*command, "--no-wait", "-o", "name").out.strip()
    kills = Kills(site, operation, shares)
    ended = kills.until_the_end()
    assert ended["state"] == "succeeded", ended
    # The last kill may have met an operation that had just ended.
    assert ended["attempts"] in (len(kills.interrupted), len(kills.interrupted) + 1)
    return kills


@pytest.fixture(scope="module")
def parcels(faulty: FaultySite) -> Iterator[FaultySite]:
    """The shared site, without the database `parcels` at the end."""
    yield faulty
    if any(one["name"] == "parcels" for one in faulty.json("get", "databases")):
        faulty.run("delete", "parcels", "--purge", "--yes")


CHANGES: list[tuple[str, dict[str, Any], int]] = [
    ("create", TWO_NODES, 6),
    ("scale up", {**TWO_NODES, "nodes": 3}, 3),
    ("restart with another size", {**TWO_NODES, "nodes": 3, "size": "s"}, 4),
    ("scale down", {**TWO_NODES, "size": "s"}, 2),
]


@pytest.mark.parametrize(("what", "fields", "times"), CHANGES, ids=[one[0] for one in CHANGES])
def test_an_apply_goes_on_whenever_the_control_plane_dies(
    parcels: FaultySite, what: str, fields: dict[str, Any], times: int
) -> None:
    dice = random.Random(f"{SEED} {what}")
    # One in each part of the way, so that a run meets early, middle and late steps.
    shares = [(part + dice.random()) / times for part in range(times)]
    path = parcels.document("parcels", **fields)
    kills = _killed(parcels, shares, "apply", path, "--yes")
    assert kills.interrupted
    parcels.heals("parcels")
    with Ledger(parcels, "parcels", "--pooled") as ledger:
        ledger.proceeds()
    assert not ledger.lost()


def _begun(site: FaultySite, operation: str, _before: str) -> None:
    query = (
        "select 1 from holdfast.operation_step where name = 'switch over' and state <> 'pending'"
        f" and operation_id = '{operation}'"
    )
    until(lambda: site.control_rows(query), every_s=0.01, what="the step")


def _held(site: FaultySite, _operation: str, before: str) -> None:
    _wait_in_etcd(site, lambda order, leader: bool(order) or leader not in ("", before))


def _moved(site: FaultySite, _operation: str, before: str) -> None:
    _wait_in_etcd(site, lambda _, leader: leader not in ("", before))


def _wait_in_etcd(site: FaultySite, condition: Callable[[str, str], bool]) -> None:
    """Until the order to hold clients and the leader's key are as they should."""

    async def act(client: Any) -> None:
        async with asyncio.timeout(60):
            while not condition(await value(client, "pooler/pause"), await value(client, "leader")):
                await asyncio.sleep(0.01)

    async def value(client: Any, key: str) -> str:
        found = await client.get(f"{etcd_prefix('orders')}{key}")
        return found.value if found else ""

    site.etcd(act)


MOMENTS = {"it begins": _begun, "clients are held": _held, "another one leads": _moved}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_switchover_is_done_once_whenever_the_control_plane_dies(
    faulty: FaultySite, moment: str
) -> None:
    before = faulty.leading("orders")
    timeline = faulty.nodes("orders")[before]["timeline"]
    with Ledger(faulty, "orders", "--pooled") as ledger:
        operation = faulty.run("switchover", "orders", "--no-wait", "-o", "name").out.strip()
        MOMENTS[moment](faulty, operation, before)
        faulty.kill("control-plane")
        until(faulty.answers, what="a control plane")
        faulty.run("op", "watch", operation)
        after = faulty.leading("orders")
        assert after != before
        assert faulty.nodes("orders")[after]["timeline"] == timeline + 1
        ledger.proceeds()
    # The poolers held their clients meanwhile, and let them go; nobody was sent away.
    assert ledger.failures == []
    assert not ledger.lost()
    faulty.heals("orders")


# -- people interrupt -----------------------------------------------------------------------------


def _told_how_to_rejoin(text: str) -> str:
    """The operation that an interrupted command says goes on."""
    assert "goes on in the background" in text, text
    line = next(line for line in text.splitlines() if "rejoin it: holdfast op watch" in line)
    return line.split()[-1]


def test_ctrl_c_leaves_the_operation_alone_and_says_how_to_rejoin(parcels: FaultySite) -> None:
    path = parcels.document("parcels", **TWO_NODES, parameters={"work_mem": "6MB"})
    command = parcels.start("apply", path, "--yes")
    seen = _read_until(command, "operation op-")
    os.killpg(command.pid, signal.SIGINT)
    out, err = command.communicate(timeout=30)
    assert command.returncode == 130, (out, err)
    operation = _told_how_to_rejoin(seen + err)
    parcels.run("op", "watch", operation)
    assert parcels.is_declared("parcels")


def _read_until(command: subprocess.Popen[str], text: str) -> str:
    assert command.stderr is not None
    seen = ""
    end = time.monotonic() + 60
    while text not in seen:
        assert time.monotonic() < end, seen
        seen += command.stderr.readline()
    return seen


def test_ctrl_c_at_a_terminal_does_the_same(parcels: FaultySite) -> None:
    path = parcels.document("parcels", **TWO_NODES, parameters={"work_mem": "7MB"})
    terminal, inner = pty.openpty()
    command = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "holdfast.cli.main", "apply", str(path)],
        env=parcels.variables() | {"TERM": "xterm", "COLUMNS": "100"},
        stdin=inner, stdout=inner, stderr=inner,
    )  # fmt: skip
    os.close(inner)
    try:
        seen = _typed(terminal, "Apply this to parcels", "y\n")
        seen += _typed(terminal, "op-", "\x03")
        seen += _typed(terminal, "stop it:", "")
        assert command.wait(timeout=30) == 130
    finally:
        os.close(terminal)
        with contextlib.suppress(ProcessLookupError):
            command.kill()
        command.wait(timeout=10)
    operation = _told_how_to_rejoin(seen.replace("\r", ""))
    parcels.run("op", "watch", operation)
    assert parcels.is_declared("parcels")


def _typed(terminal: int, prompt: str, answer: str) -> str:
    """What the terminal shows up to the prompt; the answer is typed then."""
    seen = ""
    end = time.monotonic() + 60
    while prompt not in seen:
        assert time.monotonic() < end, seen
        if select.select([terminal], [], [], 1)[0]:
            try:
                seen += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"it ended after {seen!r}") from None
    os.write(terminal, answer.encode())
    return seen


def test_a_cancelled_apply_stops_between_steps_and_a_later_one_completes_it(
    parcels: FaultySite,
) -> None:
    path = parcels.document("parcels", **TWO_NODES, nodes=3)
    operation = parcels.run("apply", path, "--yes", "--no-wait", "-o", "name").out.strip()
    until(lambda: _done(parcels, operation) > 0, every_s=0.05, what="a first step")
    parcels.run("op", "cancel", operation)
    ran = parcels.run("op", "watch", operation, exit_code=1)
    assert "cancelled" in ran.out
    ended = parcels.json("op", "show", operation)
    states = {step["state"] for step in ended["steps"]}
    assert states <= {"succeeded", "cancelled", "skipped"}, ended["steps"]
    # What was about to start is cancelled, what waited for it is skipped; either may be all.
    assert states & {"cancelled", "skipped"}
    parcels.apply(path)
    parcels.heals("parcels")
    assert len(parcels.nodes("parcels")) == 3


def _done(site: FaultySite, operation: str) -> int:
    query = (
        "select count(*) from holdfast.operation_step"
        f" where operation_id = '{operation}' and state = 'succeeded'"
    )
    return int(site.control_rows(query)[0][0])


def test_whoever_does_not_wait_is_told_how_to_rejoin(parcels: FaultySite) -> None:
    path = parcels.document("parcels", **TWO_NODES)
    ran = parcels.run("apply", path, "--yes", "--timeout", "1s", exit_code=5)
    assert "has not ended after 1 s; it goes on" in ran.err
    watch = next(line for line in ran.err.splitlines() if "holdfast op watch" in line)
    operation = watch.partition("holdfast op watch ")[2].strip("`")
    parcels.run("op", "watch", operation)
    parcels.heals("parcels")
    assert len(parcels.nodes("parcels")) == 2


# -- two at once ----------------------------------------------------------------------------------


def test_two_who_apply_the_same_document_at_once_get_the_same_result(
    parcels: FaultySite,
) -> None:
    path = parcels.document("parcels", **TWO_NODES, parameters={"work_mem": "8MB"})
    known = {one["id"] for one in parcels.operations()}
    both = [parcels.start("apply", path, "--yes") for _ in range(2)]
    told = [one.communicate(timeout=120) for one in both]
    codes = sorted(one.returncode for one in both)
    if codes == [0, 0]:  # the second one's plan was made when the first was through
        (second,) = ((out, err) for out, err in told if "operation op-" not in err)
        assert "no changes" in "".join(second), told
    else:
        assert codes == [0, 4], told
        (second,) = (err for one, (_, err) in zip(both, told, strict=True) if one.returncode == 4)
        assert "the plan for parcels does not hold any more" in second, told
    # Whatever they were told: one of them has done it, and nobody did it again.
    fresh = [one for one in parcels.operations() if one["id"] not in known]
    assert [one["state"] for one in fresh].count("succeeded") == 1, fresh
    parcels.heals("parcels")
    leader = parcels.leader("parcels")["address"]
    assert parcels.setting(leader, "work_mem") == "8MB"


def test_who_does_not_want_to_queue_is_refused(parcels: FaultySite) -> None:
    path = parcels.document("parcels", **TWO_NODES, parameters={"work_mem": "9MB"})
    # Both plans are made before either begins.
    plan = parcels.json("plan", path)
    assert plan[0]["changes"]
    first = parcels.run("switchover", "parcels", "--no-wait", "-o", "name").out.strip()
    ran = parcels.run("apply", path, "--yes", "--on-conflict", "refuse", exit_code=4)
    assert first in ran.err and "on database 'parcels' is" in ran.err
    parcels.run("op", "watch", first)
    parcels.apply(path)
    parcels.heals("parcels")


# -- the whole platform stops ---------------------------------------------------------------------


def test_what_down_interrupts_up_goes_on_with(parcels: FaultySite) -> None:
    path = parcels.document("parcels", **TWO_NODES, nodes=3)
    known = [one["id"] for one in parcels.operations()]
    operation = parcels.run("apply", path, "--yes", "--no-wait", "-o", "name").out.strip()
    until(lambda: _done(parcels, operation) > 0, every_s=0.05, what="a first step")
    parcels.run("down")
    assert parcels.processes() == []
    told = parcels.run("status", exit_code=1).out
    assert "running" not in told
    parcels.run("up")
    parcels.run("op", "watch", operation)
    parcels.heals("orders", "parcels")
    assert len(parcels.nodes("parcels")) == 3
    assert [one["id"] for one in parcels.operations()] == [operation, *known]
