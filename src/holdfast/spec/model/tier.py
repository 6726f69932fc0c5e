"""The `Tier` kind: the promises of a class of databases."""

from __future__ import annotations

import enum
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.core.change import Json
from holdfast.core.units import duration_s, size_bytes
from holdfast.spec.model.forms import API_VERSION, without_none
from holdfast.spec.values import Schedule, Window, duration_text, size_text

DEFAULT_LAYERS = "0-5"
"""All layers of proof that one restored copy can show."""


class Synchronous(enum.StrEnum):
    """Whom a commit waits for: nobody, a chosen standby, or any of a quorum."""

    OFF = "off"
    ON = "on"
    QUORUM = "quorum"


@dataclass(frozen=True, slots=True)
class NodeRange:
    """How many nodes a cluster of a tier has, and how few and many it may have."""

    default: int
    min: int
    max: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Patroni's clocks, in seconds; `primary_start_timeout_s` 0 fails over at once.

    Patroni demands `loop_wait + 2 * retry_timeout <= ttl`.
    """

    ttl_s: int
    loop_wait_s: int
    retry_timeout_s: int
    primary_start_timeout_s: int
    primary_stop_timeout_s: int
    maximum_lag_bytes: int


@dataclass(frozen=True, slots=True)
class SecondRepository:
    """A second place for WAL and backups: `type` is posix or s3; the last five are of s3 alone."""

    type: str
    path: str = "/"
    bucket: str = ""
    endpoint: str = ""
    port: int = 443
    region: str = ""
    credentials: str = ""
    ca_file: str = ""

    def to_json(self) -> dict[str, Json]:
        """As it stands in a document."""
        found: dict[str, Json] = {"type": self.type, "path": self.path}
        if self.type == "s3":
            found |= {
                "bucket": self.bucket,
                "endpoint": self.endpoint,
                "port": self.port,
                "region": self.region,
                "credentials": self.credentials,
            }
            found |= {"caFile": self.ca_file} if self.ca_file else {}
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SecondRepository:
        """Read a validated mapping."""
        return cls(**{("ca_file" if key == "caFile" else key): data[key] for key in data})


@dataclass(frozen=True, slots=True)
class BackupPolicy:
    """When backups are taken and how long they are kept.

    `retention_full` counts full backups; `retention_days` is how far back a point in time must
    stay reachable; `archive_timeout_s` forces a WAL segment out after that many seconds.
    """

    full: Schedule
    differential: Schedule | None
    incremental: Schedule | None
    retention_full: int
    retention_days: int
    archive_timeout_s: int
    second: SecondRepository | None = None


@dataclass(frozen=True, slots=True)
class Proofs:
    """How old the evidence of a promise may become, in seconds; None is never demanded.

    `layers` are the layers of proof that a restore test has, such as `0-5`; layer 6 has a cadence
    of its own.
    """

    restore_test_every_s: float | None
    failover_drill_every_s: float | None
    layers: str = DEFAULT_LAYERS
    point_in_time_every_s: float | None = None


@dataclass(frozen=True, slots=True)
class TierSpec:
    """A `Tier` document: the promises that every database of the tier gets.

    `availability` is in percent. `patch_window_s` is how long a minor release of the engine may
    stay uninstalled. `overrides` holds names or shell patterns (`parameters.autovacuum_*`) of the
    fields in which a database may depart from the tier. `maintenance_window` is that of databases
    whose documents name none.
    """

    name: str
    description: str
    availability: float
    rpo_s: float
    rto_s: float
    nodes: NodeRange
    synchronous: Synchronous
    strict: bool
    timing: Timing
    backup: BackupPolicy
    proofs: Proofs
    credential_age_s: float
    patch_window_s: float
    access_review_every_s: float
    may_expire: bool
    overrides: tuple[str, ...]
    maintenance_window: Window | None = None

    def allows(self, path: str) -> bool:
        """Whether a database of this tier may set the field itself (`parameters.work_mem`)."""
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self.overrides)

    def to_json(self) -> dict[str, Json]:
        """A document that reads as this value again."""
        return {
            "apiVersion": API_VERSION,
            "kind": "Tier",
            "name": self.name,
            "description": self.description,
            "availability": self.availability,
            "rpo": duration_text(self.rpo_s),
            "rto": duration_text(self.rto_s),
            "nodes": {
                "default": self.nodes.default,
                "min": self.nodes.min,
                "max": self.nodes.max,
            },
            "synchronous": str(self.synchronous),
            "strict": self.strict,
            "failover": _timing_json(self.timing),
            "backup": _backup_json(self.backup),
            "proofs": without_none(
                {
                    "restoreTest": _duration_or_none(self.proofs.restore_test_every_s),
                    "failoverDrill": _duration_or_none(self.proofs.failover_drill_every_s),
                    "layers": self.proofs.layers,
                    "pointInTime": _duration_or_none(self.proofs.point_in_time_every_s),
                }
            ),
            "credentialAge": duration_text(self.credential_age_s),
            "patchWindow": duration_text(self.patch_window_s),
            "accessReview": duration_text(self.access_review_every_s),
            "mayExpire": self.may_expire,
            "overrides": list(self.overrides),
            **_window_json(self.maintenance_window),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TierSpec:
        """Read a validated `Tier` document."""
        proofs, window = data.get("proofs", {}), data.get("maintenanceWindow")
        return cls(
            name=data["name"],
            description=data.get("description", ""),
            availability=float(data["availability"]),
            rpo_s=_seconds(data["rpo"]),
            rto_s=_seconds(data["rto"]),
            nodes=NodeRange(**data["nodes"]),
            synchronous=Synchronous(data["synchronous"]),
            strict=data.get("strict", False),
            timing=_timing(data["failover"]),
            backup=_backup(data["backup"]),
            proofs=Proofs(
                restore_test_every_s=_seconds_or_none(proofs.get("restoreTest")),
                failover_drill_every_s=_seconds_or_none(proofs.get("failoverDrill")),
                layers=proofs.get("layers", DEFAULT_LAYERS),
                point_in_time_every_s=_seconds_or_none(proofs.get("pointInTime")),
            ),
            credential_age_s=_seconds(data["credentialAge"]),
            patch_window_s=_seconds(data["patchWindow"]),
            access_review_every_s=_seconds(data["accessReview"]),
            may_expire=data.get("mayExpire", False),
            overrides=tuple(data.get("overrides", ())),
            maintenance_window=Window.parse(window) if window else None,
        )


def _timing(data: Mapping[str, Any]) -> Timing:
    return Timing(
        ttl_s=int(_seconds(data["ttl"])),
        loop_wait_s=int(_seconds(data["loopWait"])),
        retry_timeout_s=int(_seconds(data["retryTimeout"])),
        primary_start_timeout_s=int(_seconds(data["primaryStartTimeout"])),
        primary_stop_timeout_s=int(_seconds(data["primaryStopTimeout"])),
        maximum_lag_bytes=size_bytes(data["maximumLag"]),
    )


def _timing_json(timing: Timing) -> dict[str, Json]:
    return {
        "ttl": duration_text(timing.ttl_s),
        "loopWait": duration_text(timing.loop_wait_s),
        "retryTimeout": duration_text(timing.retry_timeout_s),
        "primaryStartTimeout": duration_text(timing.primary_start_timeout_s),
        "primaryStopTimeout": duration_text(timing.primary_stop_timeout_s),
        "maximumLag": size_text(timing.maximum_lag_bytes),
    }


def _backup(data: Mapping[str, Any]) -> BackupPolicy:
    differential, incremental = data.get("differential"), data.get("incremental")
    second = data.get("secondRepository")
    return BackupPolicy(
        full=Schedule(data["full"]),
        differential=Schedule(differential) if differential else None,
        incremental=Schedule(incremental) if incremental else None,
        retention_full=data["retention"]["full"],
        retention_days=data["retention"]["days"],
        archive_timeout_s=int(_seconds(data["archiveTimeout"])),
        second=SecondRepository.from_json(second) if second else None,
    )


def _backup_json(backup: BackupPolicy) -> dict[str, Json]:
    return without_none(
        {
            "full": backup.full.text,
            "differential": backup.differential.text if backup.differential else None,
            "incremental": backup.incremental.text if backup.incremental else None,
            "retention": {"full": backup.retention_full, "days": backup.retention_days},
            "archiveTimeout": duration_text(backup.archive_timeout_s),
            "secondRepository": backup.second.to_json() if backup.second else None,
        }
    )


def _window_json(window: Window | None) -> dict[str, Json]:
    return {} if window is None else {"maintenanceWindow": str(window)}


def _seconds(text: str | int) -> float:
    """`rpo: 0` is a number to YAML and a duration to people."""
    return duration_s(str(text))


def _seconds_or_none(text: str | int | None) -> float | None:
    return None if text is None else _seconds(text)


def _duration_or_none(seconds: float | None) -> str | None:
    return None if seconds is None else duration_text(seconds)
