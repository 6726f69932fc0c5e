"""Cause a fault on a real cluster and hold what it costs against the tier.

The fault is caused once: a mark on disk is written before it, and a run that finds the mark of an
earlier one of the same operation causes nothing, restores the cluster and says `unproven`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from holdfast.core.change import Json
from holdfast.core.errors import Error, Invalid, Refused
from holdfast.core.promise import Evidence
from holdfast.engines.postgresql import faults, kill_primary, ledger
from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.endpoints import Role, login
from holdfast.engines.postgresql.leadership import to_leader
from holdfast.engines.postgresql.render_sandbox import sandbox_folder
from holdfast.recovery.drills import kill_primary as criteria
from holdfast.recovery.drills.kill_primary import Seen
from holdfast.recovery.ledger import Account, Gap
from holdfast.store import evidence
from holdfast.workflows.planning import cluster_of, doors
from holdfast.workflows.run import Run

KIND = "drill"
FIELDS = ("drill", "scope")
DRILLS = (criteria.ID,)
_HEALTHY_WITHIN_S = 10.0


def check(request: Mapping[str, Json]) -> None:
    """A request names the `drill`, and perhaps its `scope`."""
    if request.get("drill") not in DRILLS:
        raise Invalid(
            f"there is no drill {request.get('drill')!r}", hint=f"choose one of {', '.join(DRILLS)}"
        )
    if request.get("scope", criteria.SCOPES[0]) not in criteria.SCOPES:
        raise Invalid(
            f"kill-primary has no scope {request['scope']!r}",
            hint=f"choose one of {', '.join(criteria.SCOPES)}",
        )


async def body(run: Run, request: Mapping[str, Json]) -> dict[str, Json]:
    """Outcome: verdict, reasons, the measured figures, and the id of the evidence."""
    cluster = await cluster_of(run)
    scope = request.get("scope", criteria.SCOPES[0])
    await run.step("see that the cluster is whole", _whole, run, cluster, retry_for_s=0)
    problem: Error | None = None
    found: Json = None
    try:
        await run.step("prepare the ledger", _prepare, run, cluster)
        aim = await run.step("take aim at the primary", _aim, run, cluster, scope)
        found = await run.step(
            "kill the primary under load", _strike, run, cluster, aim, retry_for_s=0
        )
    except Error as error:
        problem = error
    back = await run.step("wait until all nodes are back", _back, run, cluster, always=True)
    recorded: dict[str, Json] = {}
    if found is not None:
        recorded = await run.step(
            "judge and record", _record, run, cluster, scope, found, back, always=True
        )
    await run.step("remove the ledger", _clear, run, cluster, always=True)
    if problem is not None:
        raise problem
    return recorded


async def _whole(run: Run, cluster: Cluster) -> Json:
    """Raises `Refused` on a cluster that is not whole: the drill would make it worse."""
    engine = doors(run.platform, run.log)
    missing = await kill_primary.all_back(cluster, engine, within_s=_HEALTHY_WITHIN_S)
    if missing:
        raise Refused(
            f"{cluster.name} is not whole: {missing}",
            subject=f"database {cluster.name}",
            hint="put it right first, for example with `holdfast apply`",
        )
    return None


async def _prepare(run: Run, cluster: Cluster) -> Json:
    engine = doors(run.platform, run.log)
    leader = await kill_primary.leader_of(cluster, engine)
    async with engine.connect(leader, cluster.spec.databases[0].name) as connection:
        await ledger.create_table(connection, login(cluster, Role.RW).user, mark=run.operation_id)
    return None


async def _aim(run: Run, cluster: Cluster, scope: str) -> Json:
    return (await kill_primary.aim_at_leader(cluster, doors(run.platform), scope=scope)).to_json()


async def _strike(run: Run, cluster: Cluster, aim: Mapping[str, Json]) -> Json:
    """The only step that harms. Runs to its end once, or not at all."""
    host = run.platform.host
    folder = sandbox_folder(run.platform.site, run.operation_id)
    mark = str(folder / "begun")
    if await host.stat(mark) is not None:
        return {"interrupted": "the control plane ended during the drill"}
    await host.make_folder(str(folder), mode=0o700, owner=run.platform.site.os_user)
    await host.write(mark, b"", mode=0o600)
    engine = doors(run.platform, run.log)
    outcome = await kill_primary.run(cluster, engine, faults.Aim.from_json(aim))
    return _told(outcome, cluster)


def _told(outcome: kill_primary.Outcome, cluster: Cluster) -> dict[str, Json]:
    """What is kept of a run: the figures, and the account without its rows."""
    seen, tier = outcome.seen, cluster.tier
    judged = criteria.verdict(seen, rpo_s=tier.rpo_s, rto_s=tier.rto_s)
    told: dict[str, Json] = {
        "verdict": str(judged.verdict),
        "reasons": list(judged.reasons),
        "checks": [
            each.to_json() for each in criteria.checks(seen, rpo_s=tier.rpo_s, rto_s=tier.rto_s)
        ],
        "gap_s": {name: _seconds(each) for name, each in seen.gaps},
        "redundant_after_s": _rounded(seen.redundant_after_s),
        **outcome.raw,
    }
    if seen.account is not None:
        told |= _account(seen.account)
    return told


def _account(account: Account) -> dict[str, Json]:
    return {
        "acknowledged": account.acknowledged,
        "failed": account.failed,
        "unknown": account.unknown,
        "unknown_present": account.unknown_present,
        "lost": len(account.lost),
        "lost_writes": [asdict(each) for each in account.lost[:100]],
        "repeated": len(account.repeated),
        "misplaced": len(account.misplaced),
        "resurrected": len(account.resurrected),
        "foreign": len(account.foreign),
    }


def _seconds(gap: Gap | None) -> float | None:
    return None if gap is None else round(gap.seconds, 3)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


async def _back(run: Run, cluster: Cluster) -> Json:
    """What is still missing after a while; empty when the cluster is whole."""
    engine = doors(run.platform, run.log)
    missing = await kill_primary.all_back(cluster, engine)
    if missing:
        run.log(f"{cluster.name} is not whole yet: {missing}", level="warning")
    return missing


async def _clear(run: Run, cluster: Cluster) -> Json:
    connect = await to_leader(cluster, doors(run.platform, run.log))
    async with connect(cluster.spec.databases[0].name) as connection:
        await ledger.drop_table(connection)
    await run.platform.host.remove(str(sandbox_folder(run.platform.site, run.operation_id)))
    return None


async def _record(
    run: Run, cluster: Cluster, scope: str, found: Mapping[str, Json], back: str
) -> Json:
    told = dict(found)
    if "interrupted" in told:
        tier = cluster.tier
        seen = Seen(interrupted=told.pop("interrupted"))
        judged = criteria.verdict(seen, rpo_s=tier.rpo_s, rto_s=tier.rto_s)
        told |= {
            "verdict": str(judged.verdict),
            "reasons": list(judged.reasons),
            "checks": [
                each.to_json() for each in criteria.checks(seen, rpo_s=tier.rpo_s, rto_s=tier.rto_s)
            ],
        }
    verdict, reasons = told.pop("verdict"), told.pop("reasons")
    proof = Evidence(
        id=f"{run.operation_id}-drill",
        kind=criteria.KIND,
        database=cluster.name,
        at=run.platform.clock.now(),
        verdict=verdict,
        measured={"scope": scope, "tier": cluster.tier.name, "missing_at_end": back, **told},
        reasons=tuple(reasons),
    )
    async with run.platform.store.begin() as connection:
        await evidence.add(connection, proof, operation_id=run.operation_id, actor=run.actor)
    kept = ("checks", "gap_s", "acknowledged", "lost", "redundant_after_s", "new_leader")
    return {
        "evidence": proof.id,
        "verdict": verdict,
        "reasons": reasons,
        **{name: told[name] for name in kept if name in told},
    }
