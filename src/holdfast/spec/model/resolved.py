"""Size classes, and a database with everything it refers to looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.core.change import Json
from holdfast.core.units import size_bytes
from holdfast.spec.model.database import DatabaseSpec
from holdfast.spec.model.tier import TierSpec
from holdfast.spec.values import Window, size_text


@dataclass(frozen=True, slots=True)
class SizeClass:
    """What one node of a size gets; `max_connections` counts connections to PostgreSQL."""

    name: str
    cpu: int
    memory_bytes: int
    storage_bytes: int
    max_connections: int

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return {
            "name": self.name,
            "cpu": self.cpu,
            "memory": size_text(self.memory_bytes),
            "storage": size_text(self.storage_bytes),
            "maxConnections": self.max_connections,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SizeClass:
        """The inverse of `to_json`."""
        return cls(
            name=data["name"],
            cpu=data["cpu"],
            memory_bytes=size_bytes(data["memory"]),
            storage_bytes=size_bytes(data["storage"]),
            max_connections=data["maxConnections"],
        )


@dataclass(frozen=True, slots=True)
class ResolvedDatabase:
    """A database with its tier and size looked up and every open choice made."""

    spec: DatabaseSpec
    tier: TierSpec
    size: SizeClass
    version: int
    nodes: int
    max_connections: int

    @property
    def name(self) -> str:
        """The database's name."""
        return self.spec.name

    @property
    def maintenance_window(self) -> Window | None:
        """When disruptive work may run: the document's own, else the tier's."""
        return self.spec.maintenance_window or self.tier.maintenance_window

    def to_json(self) -> dict[str, Json]:
        """Plain JSON."""
        return {
            "database": self.spec.to_json(),
            "tier": self.tier.to_json(),
            "size": self.size.to_json(),
            "version": self.version,
            "nodes": self.nodes,
            "maxConnections": self.max_connections,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ResolvedDatabase:
        """The inverse of `to_json`."""
        return cls(
            spec=DatabaseSpec.from_json(data["database"]),
            tier=TierSpec.from_json(data["tier"]),
            size=SizeClass.from_json(data["size"]),
            version=data["version"],
            nodes=data["nodes"],
            max_connections=data["maxConnections"],
        )
