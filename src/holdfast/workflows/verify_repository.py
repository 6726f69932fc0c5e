"""The steps of a verification that read the repository: layer 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import PurePosixPath

from holdfast.core.change import Json
from holdfast.engines.postgresql import stored as repositories
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.render_backup import second_folder
from holdfast.engines.postgresql.render_sandbox import Sandbox
from holdfast.engines.postgresql.stored import Known, Place
from holdfast.recovery import restore_test
from holdfast.store import evidence
from holdfast.workflows.meter import Meter
from holdfast.workflows.run import Run


async def verified(run: Run, sandbox: Sandbox, backup: Mapping[str, Json]) -> Json:
    """`pgbackrest verify`."""
    platform = run.platform
    found = await repositories.verify(
        sandbox, platform.host, platform.clock,
        repository=backup["repository"], label=backup["label"],
    )  # fmt: skip
    return asdict(found)


async def stored(run: Run, cluster: Cluster, sandbox: Sandbox, backup: Mapping[str, Json]) -> Json:
    """Our own reader; `proven` has a digest and the time of the proof for each sound backup."""
    platform = run.platform
    begun, now = platform.clock.monotonic(), platform.clock.now()
    before = await _proven_before(run, cluster, now)
    meter = Meter(run.progress, platform.clock, "read")
    found = await repositories.read(
        sandbox,
        platform.host,
        platform.clock,
        repository=_place(cluster, backup["repository"]),
        backups=[
            Known(each["label"], each["lsn"], each["wal_start"]) for each in backup["present"]
        ],
        chosen=backup["label"],
        proven={label: each["digest"] for label, each in before.items()},
        report=meter.at,
    )
    proven = {
        label: before[label]
        if before.get(label, {}).get("digest") == digest
        else {"digest": digest, "at": now.isoformat()}
        for label, digest in found.proven.items()
    }
    left_out = found.not_looked_at
    if backup["elsewhere"]:
        left_out = [*left_out, f"{backup['elsewhere']} backups in another repository"]
    spent_s = platform.clock.monotonic() - begun
    return {**found.to_json(), "not_looked_at": left_out, "proven": proven, "spent_s": spent_s}


def _place(cluster: Cluster, number: int) -> Place:
    if number == 1:
        return Place(number, cluster.site.repository(cluster.name))
    second = cluster.tier.backup.second
    is_folder = second is not None and second.type == "posix"
    return Place(number, PurePosixPath(second_folder(cluster)) if is_folder else None)


async def _proven_before(run: Run, cluster: Cluster, now: datetime) -> dict[str, dict[str, str]]:
    """What the newest verification says of each backup, if it is within the tier's interval."""
    within_s = cluster.tier.proofs.restore_test_every_s or 0.0
    known: list[tuple[datetime, dict[str, dict[str, str]]]] = []
    async with run.platform.store.begin() as connection:
        for kind in (restore_test.KIND, restore_test.PARTIAL_KIND):
            for proof in await evidence.history(connection, cluster.name, kind, limit=10):
                if "stored_proven" in proof.measured:
                    known.append((proof.at, proof.measured["stored_proven"]))
                    break
    newest: dict[str, dict[str, str]] = max(known, key=lambda each: each[0])[1] if known else {}
    return {
        label: each
        for label, each in newest.items()
        if 0 <= (now - datetime.fromisoformat(each["at"])).total_seconds() < within_s
    }
