"""Prove, layer by layer, that a backup restores, up to a point that its source has marked.

The sandbox is destroyed whatever happens; what a control plane that died for good left behind is
found and removed by the next test. A verification that its control plane did not see to the end
is cleared away and says `unproven`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from holdfast.core.change import Json
from holdfast.core.errors import Cancelled, Error, Invalid, NotFound
from holdfast.core.promise import Evidence
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.render_sandbox import Sandbox, sandbox_of
from holdfast.recovery import layers, restore_test
from holdfast.recovery.restore_record import measured_of
from holdfast.store import evidence
from holdfast.store.backups import Backup
from holdfast.workflows import verify_repository as repository
from holdfast.workflows import verify_sandbox as boxes
from holdfast.workflows import verify_source as source
from holdfast.workflows.backup import recorded
from holdfast.workflows.planning import cluster_of, doors
from holdfast.workflows.run import Act, Run

KIND = "verify"
FIELDS = ("layers", "backup")
_PROCESS = secrets.token_hex(8)
"""Tells this process from the next one, which does not take up a verification."""
_ENDED = "the control plane ended during the verification"


class _InterruptedError(Exception):
    """Another process began this verification."""


def check(request: Mapping[str, Json]) -> None:
    """A request may choose `layers` and a `backup`. Raises `Invalid`."""
    if request.get("layers") is not None:
        layers.chosen(str(request["layers"]))
    if not isinstance(request.get("backup", ""), str | None):
        raise Invalid("a backup is chosen by its label")


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: verdict, reasons, the layers' results, the figures, and the ids of the evidence."""
    cluster = await cluster_of(run)
    numbers = layers.chosen(str(request.get("layers") or cluster.tier.proofs.layers))
    return await verification(run, cluster, numbers, backup=request.get("backup") or "")


async def verification(
    run: Run, cluster: Cluster, numbers: Sequence[int], *, backup: str = "", attempt: int = 1
) -> dict[str, Json]:
    """Verify one backup of a cluster, the newest one unless it is chosen by its label.

    The outcome's `interrupted` is empty unless its control plane did not see it to the end; the
    next `attempt` of the same operation leaves evidence of its own.
    """
    sandbox = sandbox_of(cluster, run.operation_id)
    process = await run.step("begin", _begin)
    await run.step("clear what earlier tests left", boxes.sweep, run)
    told: dict[str, Json] = {}
    told["backup"] = await run.step("choose the backup", _choose, run, cluster, backup)
    problem: Error | None = None
    try:
        await _test(_Steps(run, process), cluster, sandbox, numbers, told)
    except _InterruptedError:
        told["interrupted"] = _ENDED
    except Error as error:
        problem = error
    await run.step("destroy the sandbox", boxes.destroy, run, sandbox, always=True)
    if isinstance(problem, Cancelled):
        raise problem  # nobody wanted to know: what was proven before stands
    if problem is not None:
        told["interrupted"] = f"the test ended early: {problem.message}"
    outcome: dict[str, Json] = await run.step(
        "judge and record", _record, run, cluster, told, numbers, process, attempt, always=True
    )
    if problem is not None:
        raise problem
    return outcome


class _Steps:
    """Steps that only the process which began the verification takes."""

    def __init__(self, run: Run, process: str) -> None:
        self.run, self._process = run, process

    async def take(self, name: str, act: Act, *args: object) -> Json:
        """The step's result. Raises when another process would have to take it."""
        found = await self.run.step(name, self._own, act, *args)
        if found == _ENDED:
            raise _InterruptedError
        return found

    async def _own(self, act: Act, *args: object) -> Json:
        return await act(*args) if self._process == _PROCESS else _ENDED


async def _begin() -> Json:
    return _PROCESS


async def _test(
    steps: _Steps,
    cluster: Cluster,
    sandbox: Sandbox,
    numbers: Sequence[int],
    told: dict[str, Json],
) -> None:
    """Fill `told`, as far as the backup lets us come; `recovery.restore_record` reads it."""
    if told["backup"] is None:
        return
    run = steps.run
    restores = any(number > 0 for number in numbers)
    told["sandbox"] = await steps.take(
        "make the sandbox", boxes.make, run, cluster, sandbox, told["backup"], restores
    )
    if 0 in numbers:
        told["repository"] = await steps.take(
            "let pgBackRest read the repository", repository.verified, run, sandbox, told["backup"]
        )
        told["stored"] = await steps.take(
            "read the repository", repository.stored, run, cluster, sandbox, told["backup"]
        )
    if not restores:
        return
    told["witness"] = await steps.take(
        "count the source and mark it", source.witnessed, run, cluster, 4 in numbers,
        layers.POINT_IN_TIME in numbers,
    )  # fmt: skip
    if await _restored(steps, cluster, sandbox, numbers, told):
        await _looked(steps, cluster, sandbox, numbers, told)
    if layers.POINT_IN_TIME in numbers:
        await _markers(steps, sandbox, told)


async def _restored(
    steps: _Steps,
    cluster: Cluster,
    sandbox: Sandbox,
    numbers: Sequence[int],
    told: dict[str, Json],
) -> bool:
    """Whether a copy runs."""
    run = steps.run
    told["restore"] = await steps.take(
        "restore the backup", boxes.restore, run, sandbox, told["backup"], told["witness"]
    )
    if not told["restore"]["ok"]:
        return False
    if 1 in numbers:
        told["files"] = await steps.take(
            "check every restored file", boxes.files, run, sandbox, told["backup"]
        )
    told["start"] = await steps.take(
        "start the copy", boxes.start, run, sandbox, told["backup"], told["restore"],
        told["witness"],
    )  # fmt: skip
    return bool(told["start"]["ok"])


async def _looked(
    steps: _Steps,
    cluster: Cluster,
    sandbox: Sandbox,
    numbers: Sequence[int],
    told: dict[str, Json],
) -> None:
    run = steps.run
    if layers.POINT_IN_TIME in numbers:
        told["markers"] = {
            "name": await steps.take(
                "look at the markers", boxes.marked, run, sandbox, told["witness"], told["backup"]
            )
        }
    if 3 in numbers:
        told |= await steps.take("check tables and indexes", boxes.structure, run, cluster, sandbox)
    if 4 in numbers:
        told["compared"] = await steps.take(
            "compare it with the source", source.compared, run, cluster, sandbox,
            told["witness"], told["start"]["exact"],
        )  # fmt: skip
    if 5 in numbers:
        told["canaries"] = await steps.take(
            "ask what the owner wants to hear", boxes.canaries, run, cluster, sandbox
        )
        told["foreign_keys"] = await steps.take(
            "check foreign keys", boxes.foreign_keys, run, sandbox
        )
    if 1 in numbers:
        told["checksums"] = await steps.take("check every page", boxes.checksums, run, sandbox)


async def _markers(steps: _Steps, sandbox: Sandbox, told: dict[str, Json]) -> None:
    """Restore twice more: to the marker's position, and to a time between the two rows."""
    found = dict(told.get("markers") or {})
    if "name" not in found:
        failed = told["start"] if "start" in told else told["restore"]
        found["name"] = {**failed, "before": False, "after": False}
    for way in ("lsn", "time"):
        found[way] = await steps.take(
            f"restore to the marker by {way}", boxes.restored_by, steps.run, sandbox, way,
            told["backup"], told["witness"],
        )  # fmt: skip
    told["markers"] = found


async def _choose(run: Run, cluster: Cluster, wanted: str) -> Json:
    """The newest of the first repository, or the one of this label; None if there is none."""
    present = await recorded(run.platform.store, cluster, doors(run.platform, run.log))
    if not present:
        return None
    label = wanted.removeprefix(f"{cluster.name}/")
    first = [each for each in present if _repository(each) == 1]
    found = [each for each in present if each.label == label] if label else first or present
    if not found:
        raise NotFound(
            f"there is no backup {label} of {cluster.name}",
            subject=f"backup {wanted}",
            hint=f"choose one of `holdfast get backups {cluster.name}`",
        )
    chosen = found[-1]
    beside = [each for each in present if _repository(each) == _repository(chosen)]
    return {
        **_known(chosen),
        "repository": _repository(chosen),
        "kind": chosen.kind,
        "size_bytes": chosen.size_bytes or 0,
        "is_newest": chosen.label == beside[-1].label,
        "present": [_known(each) for each in beside],
        "elsewhere": len(present) - len(beside),
    }


def _repository(backup: Backup) -> int:
    number: int = backup.detail.get("repository", 1)
    return number


def _known(backup: Backup) -> dict[str, Json]:
    lsn = backup.detail.get("lsn") or {}
    return {
        "label": backup.label,
        "lsn": lsn.get("start", ""),
        "wal_start": backup.detail.get("wal_start", ""),
    }


async def _record(
    run: Run,
    cluster: Cluster,
    told: dict[str, Json],
    numbers: Sequence[int],
    process: str,
    attempt: int,
) -> Json:
    if process != _PROCESS:
        told = {"interrupted": _ENDED, **told}
    now = run.platform.clock.now()
    source = run.operation_id if attempt == 1 else f"{run.operation_id}-{attempt}"
    proofs = _proofs(source, cluster, told, numbers, now)
    async with run.platform.store.begin() as connection:
        for proof in proofs:
            await evidence.add(connection, proof, operation_id=run.operation_id, actor=run.actor)
    judged = layers.verdict(told, numbers)
    measured = measured_of(told, numbers)
    kept = (
        "checks", "layers", "backup", "size_bytes", "wal_bytes", "restore_s", "start_s",
        "tables", "rows", "sandbox",
    )  # fmt: skip
    return {
        "evidence": proofs[0].id,
        "verdict": str(judged.verdict),
        "reasons": list(judged.reasons),
        "interrupted": told.get("interrupted", ""),
        **{name: measured[name] for name in kept if name in measured},
    }


def _proofs(
    source: str, cluster: Cluster, told: Mapping[str, Json], numbers: Sequence[int], now: datetime
) -> list[Evidence]:
    """One for what a restored copy shows, one for points in time: two promises rest on them."""
    copy = [number for number in numbers if number != layers.POINT_IN_TIME]
    backup = told["backup"]
    parts = []
    if copy:
        wanted = layers.chosen(cluster.tier.proofs.layers)
        is_newest = backup is None or backup["is_newest"]
        parts.append((layers.kind_of(copy, wanted, is_newest=is_newest), copy))
    if layers.POINT_IN_TIME in numbers:
        parts.append((restore_test.MARKER_KIND, [layers.POINT_IN_TIME]))
    found = []
    for kind, chosen in parts:
        judged = layers.verdict(told, chosen)
        found.append(
            Evidence(
                id=f"{source}-{kind}",
                kind=kind,
                database=cluster.name,
                at=now,
                verdict=judged.verdict,
                measured={**measured_of(told, chosen), "tier": cluster.tier.name},
                reasons=judged.reasons,
            )
        )
    return found
