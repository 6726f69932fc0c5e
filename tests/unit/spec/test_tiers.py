from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.spec import builtin
from holdfast.spec.document import Source
from holdfast.spec.load import load
from holdfast.spec.model import Synchronous, TierSpec
from holdfast.spec.model.tier import SecondRepository
from tests.unit.spec.site import TIER, only, with_fields


@pytest.mark.parametrize("name", builtin.tier_texts())
def test_a_built_in_tier_is_an_ordinary_document(name: str) -> None:
    loaded = load([Source(name, builtin.tier_texts()[name])])
    assert loaded.findings == ()
    (document,) = loaded.documents
    assert document.spec == builtin.tiers()[document.name]
    assert f"{document.name}.yaml" == name


def test_the_built_in_tiers_descend() -> None:
    tiers = list(builtin.tiers().values())
    assert [tier.name for tier in tiers] == ["tier-0", "tier-1", "tier-2", "tier-3"]
    assert [tier.rpo_s for tier in tiers] == sorted(tier.rpo_s for tier in tiers)
    assert [tier.rto_s for tier in tiers] == sorted(tier.rto_s for tier in tiers)
    zero = tiers[0]
    assert (zero.rpo_s, zero.rto_s, zero.strict) == (0, 25, True)
    assert zero.synchronous is Synchronous.QUORUM


def test_sizes_grow() -> None:
    sizes = list(builtin.sizes().values())
    assert [size.name for size in sizes] == ["xs", "s", "m", "l", "xl"]
    for field in ("cpu", "memory_bytes", "storage_bytes", "max_connections"):
        values = [getattr(size, field) for size in sizes]
        assert values == sorted(values)


SECOND = (
    SecondRepository("posix", "/mnt/backups"),
    SecondRepository("s3", "/x", "bucket", "e.org", 9000, "r", "offsite", "/etc/ca.crt"),
)


@pytest.mark.parametrize("second", SECOND)
def test_round_trip_of_a_second_repository(second: SecondRepository) -> None:
    tier = builtin.tiers()["tier-0"]
    tier = replace(tier, backup=replace(tier.backup, second=second))
    assert TierSpec.from_json(tier.to_json()) == tier


@pytest.mark.parametrize("tier", builtin.tiers().values(), ids=str)
def test_round_trip(tier: TierSpec) -> None:
    assert TierSpec.from_json(tier.to_json()) == tier


WRONG = [
    ("rto: 45s", "rto: 20s", "rto", "ttl + loopWait = 35 s"),
    ("rto: 45s", "rto: 45", "rto", "numbers with units"),
    ("rto: 45s", "rto: 45sec", "rto", "30s, 5m"),
    ("rto: 45s", "rto: -45s", "rto", "30s, 5m"),
    ("rpo: 2m", "rpo: 0", "rpo", "waits for a standby"),
    ("rpo: 2m", "rpo: 60s", "rpo", "archiveTimeout"),
    ("default: 3", "default: 9", "nodes.default", "not within 2 and 7"),
    ("min: 2", "min: 1", "nodes.min", "needs a standby"),
    ('"on"', '"off"\nstrict: true', "strict", "nothing to be strict"),
    ("ttl: 30s", "ttl: 20s", "failover.ttl", "more than ttl"),
    ("ttl: 30s", "ttl: 10s", "failover.ttl", "within 20s and 1h"),
    ("ttl: 30s", "ttl: 30s500ms", "failover.ttl", "whole seconds"),
    ("maximumLag: 1MiB", "maximumLag: 1MB", "failover.maximumLag", "512MiB"),
    ("maximumLag: 1MiB", "maximumLag: 0B", "failover.maximumLag", "zero"),
    ("full: 0 1 * * 0", "full: 0 1 * *", "backup.full", "5 fields"),
    ("full: 0 1 * * 0", "full: 0 25 * * 0", "backup.full", "0-23"),
    ("full: 0 1 * * 0", "full: 0 1 * * sun", "backup.full", "'sun'"),
    ("full: 0 1 * * 0", "full: 0s", "backup.full", "zero"),
    ("full: 4", "full: 0", "backup.retention.full", "the least is 1"),
    (
        "  retention:",
        "  secondRepository: {type: posix}\n  retention:",
        "backup.secondRepository",
        "needs its path",
    ),
    (
        "  retention:",
        "  secondRepository: {type: s3, bucket: b-1, endpoint: e, region: r}\n  retention:",
        "backup.secondRepository",
        "needs its credentials",
    ),
    ("checksums: true", "checksums: false", "checksums", "true"),
    ("availability: 99.95", "availability: 100", "availability", "99.999"),
    ("- connections", "- owner", "overrides[0]", "'owner'"),
    ("- connections", "- maintenanceWindow", "overrides", "more than once"),
    ("proofs:\n", 'proofs:\n  layers: "0"\n', "proofs.layers", "nothing would be restored"),
    ("proofs:\n", 'proofs:\n  layers: "0,2-6"\n', "proofs.layers", "nothing would be restored"),
    ("proofs:\n", 'proofs:\n  layers: "3-1"\n', "proofs.layers", "goes backwards"),
    ("failoverDrill: 30d", "failoverDrill: 1s", "proofs.failoverDrill", "within 1h"),
]


@pytest.mark.parametrize(("old", "new", "path", "message"), WRONG)
def test_wrong_tier(old: str, new: str, path: str, message: str) -> None:
    text = TIER.replace("strict: false\n", "") if "strict" in new else TIER
    assert old in text
    found = only(text.replace(old, new, 1))
    assert found.location is not None
    assert found.location.path == path
    assert message in found.message
    assert found.hint


def test_overrides_are_names_or_patterns() -> None:
    zero = builtin.tiers()["tier-0"]
    assert zero.allows("parameters.work_mem")
    assert zero.allows("parameters.autovacuum_naptime")
    assert not zero.allows("parameters.shared_buffers")
    assert builtin.tiers()["tier-1"].allows("parameters.shared_buffers")


def test_rpo_0_as_a_number_or_a_text() -> None:
    zero = builtin.tier_texts()["tier-0.yaml"]
    for word in ("0", '"0"', "0s"):
        loaded = load([Source("t.yaml", with_fields(zero, {"rpo": word}))])
        assert loaded.findings == ()
        (document,) = loaded.documents
        assert isinstance(document.spec, TierSpec)
        assert document.spec.rpo_s == 0
