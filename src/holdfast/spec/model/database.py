"""The `Database` kind: what a team asks for."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from holdfast.core.change import Json
from holdfast.spec.model.forms import API_VERSION, parameter_text, without_none
from holdfast.spec.values import Window


class Environment(enum.StrEnum):
    """Where a database stands in its team's chain of deployments."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"
    TEST = "test"


class Classification(enum.StrEnum):
    """How sensitive the data is, from least to most."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class DeletionPolicy(enum.StrEnum):
    """What `delete` may do without an extra word."""

    RETAIN = "retain"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class ExtensionSpec:
    """An extension; without `schema` or `version` PostgreSQL's own defaults hold."""

    name: str
    schema: str | None = None
    version: str | None = None

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return without_none({"name": self.name, "schema": self.schema, "version": self.version})

    @classmethod
    def from_json(cls, data: str | Mapping[str, Any]) -> ExtensionSpec:
        """Read an extension's name alone, or its mapping."""
        if isinstance(data, str):
            return cls(data)
        return cls(data["name"], data.get("schema"), data.get("version"))


@dataclass(frozen=True, slots=True)
class LogicalDatabase:
    """One `CREATE DATABASE` in the cluster; `public` is not among the schemas."""

    name: str
    schemas: tuple[str, ...] = ()
    extensions: tuple[ExtensionSpec, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return {
            "name": self.name,
            "schemas": list(self.schemas),
            "extensions": [extension.to_json() for extension in self.extensions],
        }


@dataclass(frozen=True, slots=True)
class Canary:
    """A query of the owner that proves a restored copy, and the first value it must give.

    `database` empty means the first one of the document.
    """

    sql: str
    expect: str
    name: str = ""
    database: str = ""

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return without_none(
            {
                "name": self.name or None,
                "database": self.database or None,
                "sql": self.sql,
                "expect": self.expect,
            }
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Canary:
        """The inverse of `to_json`; `expect` may be a number or a boolean."""
        expect = data["expect"]
        text = str(expect).lower() if isinstance(expect, bool) else str(expect)
        return cls(data["sql"], text, data.get("name", ""), data.get("database", ""))


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What the platform starts by itself at the tier's cadence."""

    backups: bool = True
    restore_tests: bool = True
    drills: bool = True

    def to_json(self) -> dict[str, Json]:
        """Only what is turned off."""
        told = {
            "backups": self.backups,
            "restoreTests": self.restore_tests,
            "drills": self.drills,
        }
        return {name: wanted for name, wanted in told.items() if not wanted}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scheduled:
        """The inverse of `to_json`."""
        return cls(
            data.get("backups", True), data.get("restoreTests", True), data.get("drills", True)
        )


@dataclass(frozen=True, slots=True)
class DatabaseSpec:
    """A `Database` document.

    `version`, `nodes` and `connections` are None where the platform or the tier decides (see
    `ResolvedDatabase`). `databases` is never empty: without one in the document it holds one of
    the document's own name. Extensions at the top of a document stand in each of them here.
    `parameters` holds values as PostgreSQL would read them from its configuration file.
    """

    name: str
    owner: str
    environment: Environment
    tier: str
    size: str
    classification: Classification
    engine: str = "postgresql"
    version: int | None = None
    description: str = ""
    nodes: int | None = None
    databases: tuple[LogicalDatabase, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    connections: int | None = None
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    expires: date | None = None
    maintenance_window: Window | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    canaries: tuple[Canary, ...] = ()
    scheduled: Scheduled = Scheduled()

    @property
    def departures(self) -> tuple[tuple[str, ...], ...]:
        """The fields that only stand in a document to depart from its tier, as paths."""
        return (
            *(("parameters", name) for name in self.parameters),
            *([("connections",)] if self.connections is not None else []),
            *([("maintenanceWindow",)] if self.maintenance_window is not None else []),
            *(("schedule", name) for name in self.scheduled.to_json()),
        )

    @property
    def extensions(self) -> tuple[str, ...]:
        """Names of all extensions of all logical databases, sorted, each once."""
        return tuple(sorted({e.name for d in self.databases for e in d.extensions}))

    def to_json(self) -> dict[str, Json]:
        """A document that reads as this value again."""
        return without_none(
            {
                "apiVersion": API_VERSION,
                "kind": "Database",
                "name": self.name,
                "description": self.description or None,
                "owner": self.owner,
                "environment": str(self.environment),
                "tier": self.tier,
                "size": self.size,
                "classification": str(self.classification),
                "engine": self.engine,
                "version": self.version,
                "nodes": self.nodes,
                "databases": [database.to_json() for database in self.databases],
                "parameters": dict(self.parameters) or None,
                "connections": self.connections,
                "deletionPolicy": str(self.deletion_policy),
                "expires": self.expires.isoformat() if self.expires else None,
                "maintenanceWindow": str(self.maintenance_window)
                if self.maintenance_window
                else None,
                "labels": dict(self.labels) or None,
                "verify": [canary.to_json() for canary in self.canaries] or None,
                "schedule": self.scheduled.to_json() or None,
            }
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DatabaseSpec:
        """Read a validated `Database` document."""
        window, expires = data.get("maintenanceWindow"), data.get("expires")
        canaries = data.get("verify", ())
        if isinstance(canaries, Mapping):  # as version 0.1.0 has stored it
            canaries = canaries.get("canaries", ())
        parameters = data.get("parameters", {})
        return cls(
            name=data["name"],
            owner=data["owner"],
            environment=Environment(data["environment"]),
            tier=data["tier"],
            size=data["size"],
            classification=Classification(data["classification"]),
            engine=data.get("engine", "postgresql"),
            version=data.get("version"),
            description=data.get("description", ""),
            nodes=data.get("nodes"),
            databases=_logical_databases(data),
            parameters={name: parameter_text(parameters[name]) for name in sorted(parameters)},
            connections=data.get("connections"),
            deletion_policy=DeletionPolicy(data.get("deletionPolicy", "retain")),
            expires=date.fromisoformat(expires) if expires else None,
            maintenance_window=Window.parse(window) if window else None,
            labels=dict(sorted(data.get("labels", {}).items())),
            canaries=tuple(Canary.from_json(each) for each in canaries),
            scheduled=Scheduled.from_json(data.get("schedule", {})),
        )


def _logical_databases(data: Mapping[str, Any]) -> tuple[LogicalDatabase, ...]:
    common = [ExtensionSpec.from_json(extension) for extension in data.get("extensions", ())]
    found = []
    for each in data.get("databases") or ({"name": data["name"]},):
        own = [ExtensionSpec.from_json(extension) for extension in each.get("extensions", ())]
        # What a database says itself wins over the line for all of them.
        merged = {extension.name: extension for extension in (*common, *own)}
        found.append(
            LogicalDatabase(each["name"], tuple(each.get("schemas", ())), tuple(merged.values()))
        )
    return tuple(found)
