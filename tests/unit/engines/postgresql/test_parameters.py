"""The baseline as a function: complete, reasoned, within bounds on every size, tier and version."""

from __future__ import annotations

import itertools

import pytest

from holdfast.core.errors import Invalid
from holdfast.engines.postgresql.parameters import (
    PLATFORM_OWNED,
    Parameter,
    Surroundings,
    baseline,
    normalise,
    preload,
)
from holdfast.spec.builtin import sizes, tiers
from holdfast.spec.model import SUPPORTED_VERSIONS

CASES = list(itertools.product(SUPPORTED_VERSIONS, sizes(), tiers()))


def named(
    version: int = 15,
    size: str = "xs",
    tier: str = "tier-0",
    surroundings: Surroundings | None = None,
    **overrides: str,
) -> dict[str, Parameter]:
    found = baseline(version, sizes()[size], tiers()[tier], overrides, surroundings)
    return {parameter.name: parameter for parameter in found}


def in_bytes(parameter: Parameter) -> int:
    return int(normalise(parameter.name, parameter.value, "B", "integer"))


@pytest.mark.parametrize(("version", "size", "tier"), CASES)
def test_every_value_has_its_reason_and_stays_within_the_size(
    version: int, size: str, tier: str
) -> None:
    found = named(version, size, tier)
    assert all(p.reason and p.source and not p.overridden for p in found.values())
    assert list(found) == sorted(found, key=str.lower)
    node = sizes()[size]
    work = in_bytes(found["work_mem"]) * node.max_connections
    assert in_bytes(found["shared_buffers"]) + work <= node.memory_bytes
    wal = node.storage_bytes // 5
    assert in_bytes(found["max_slot_wal_keep_size"]) <= wal // 2
    assert in_bytes(found["max_wal_size"]) + in_bytes(found["max_slot_wal_keep_size"]) <= wal
    assert in_bytes(found["min_wal_size"]) <= in_bytes(found["max_wal_size"])
    assert int(found["max_wal_senders"].value) > tiers()[tier].nodes.max
    assert found["max_connections"].value == str(node.max_connections)


def test_versions_get_their_own_names() -> None:
    assert "io_method" in named(18)
    assert "io_method" not in named(17)
    assert "recovery_prefetch" not in named(14)
    assert "vacuum_buffer_usage_limit" not in named(15)
    assert named(14)["wal_compression"].value == "on"
    assert named(18)["log_connections"].value == "receipt,authentication,authorization"
    assert all("old_snapshot_threshold" not in named(v) for v in SUPPORTED_VERSIONS)
    assert named(17)["autovacuum_max_workers"].context == "postmaster"
    assert named(18)["autovacuum_max_workers"].context != "postmaster"


def test_an_override_replaces_the_value_and_says_so() -> None:
    found = named(work_mem="64MB", timezone="Europe/Zurich", wal_level="logical", geqo="off")
    assert found["work_mem"].value == "64MB"
    assert found["work_mem"].overridden
    assert "instead of 4MB" in found["work_mem"].reason
    # A name is one name however it is written; the server's own spelling is kept.
    assert found["TimeZone"].value == "Europe/Zurich"
    assert "timezone" not in found
    assert found["wal_level"].context == "postmaster"
    assert found["geqo"].context == "user"


@pytest.mark.parametrize("name", ["fsync", "Synchronous_Commit", "archive_command", "ssl"])
def test_what_belongs_to_the_platform_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        named(**{name: "off", "shared_preload_libraries": "x"})
    assert [finding.id for finding in caught.value.findings] == ["parameters.platform-owned"] * 2
    assert PLATFORM_OWNED[name.lower()] in caught.value.findings[0].message


def test_wal_level_minimal_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        named(wal_level="minimal")
    assert [finding.id for finding in caught.value.findings] == ["parameters.wal-level"]


def test_libraries_follow_tier_extensions_and_installation() -> None:
    everything = frozenset({"pgaudit", "pg_stat_statements", "timescaledb", "pg_stat_kcache"})

    def loaded(tier: str, libraries: frozenset[str], *extensions: str) -> tuple[str, ...]:
        around = Surroundings(extensions=frozenset(extensions), libraries=libraries)
        return preload(15, sizes()["xs"], tiers()[tier], around)

    assert loaded("tier-0", everything) == ("pg_stat_statements", "pgaudit")
    assert loaded("tier-3", everything) == ("pg_stat_statements",)
    assert loaded("tier-0", frozenset()) == ()
    assert loaded("tier-3", everything, "pg_stat_kcache", "timescaledb", "citext") == (
        "timescaledb",
        "pg_stat_statements",
        "pg_stat_kcache",
    )
    audited = named(surroundings=Surroundings(libraries=everything))
    assert audited["pgaudit.log"].value == "ddl,role"
    assert "pgaudit.log" not in named()


def test_the_archive_command_is_the_renderers() -> None:
    assert "archive_command" not in named()
    given = named(surroundings=Surroundings(archive_command="push %p"))
    assert given["archive_command"].value == "push %p"


@pytest.mark.parametrize(
    ("one", "other", "unit", "vartype"),
    [
        ("1GB", "131072", "8kB", "integer"),
        ("1024MB", "1 GB", "kB", "integer"),
        ("1.5GB", "1536MB", "MB", "integer"),
        ("5min", "300000", "ms", "integer"),
        ("60s", "1min", "s", "integer"),
        ("0x10", "16", None, "integer"),
        ("0600", "384", None, "integer"),
        ("-1", " -1 ", "kB", "integer"),
        ("10.4", "10", None, "integer"),
        ("0.9", ".90", None, "real"),
        ("1ms", "1000us", "ms", "real"),
        ("on", "tr", None, "bool"),
        ("off", "No", None, "bool"),
        ("Try", "try", None, "enum"),
        ("true", "on", None, "enum"),
    ],
)
def test_two_spellings_are_one_value(one: str, other: str, unit: str | None, vartype: str) -> None:
    assert normalise("x", one, unit, vartype) == normalise("x", other, unit, vartype)


@pytest.mark.parametrize(
    ("one", "other", "unit", "vartype"),
    [
        ("1GB", "131073", "8kB", "integer"),
        ("1gb", "1GB", "kB", "integer"),
        ("o", "on", None, "bool"),
        ("1min", "1", "kB", "integer"),
        ("a, b", "a,b", None, "string"),
        ("", "0", None, "integer"),
        ("1e999", "0", None, "real"),
    ],
)
def test_two_values_stay_two(one: str, other: str, unit: str | None, vartype: str) -> None:
    assert normalise("x", one, unit, vartype) != normalise("x", other, unit, vartype)


def test_lists_ignore_the_space_after_a_comma() -> None:
    name = "shared_preload_libraries"
    assert normalise(name, "a, b", None, "string") == normalise(name, "a,b", None, "string")
    assert normalise("wal_compression", "on", None, "enum") == "pglz"
