"""What the catalog should be: a function of the document, ordered, free of secrets."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.change import Resource, state
from holdfast.engines.postgresql.catalog.names import Roles, password_ref
from holdfast.engines.postgresql.catalog.observe_cluster import grouped, password
from holdfast.engines.postgresql.catalog.perform import KINDS
from holdfast.engines.postgresql.catalog.render import desired
from holdfast.engines.postgresql.catalog.scram import is_verifier_of, scram_verifier
from holdfast.spec.model import SUPPORTED_VERSIONS, DatabaseSpec


def spec(**fields: object) -> DatabaseSpec:
    return DatabaseSpec.from_json(
        {
            "name": "orders",
            "owner": "team",
            "environment": "test",
            "tier": "tier-0",
            "size": "xs",
            "classification": "internal",
            **fields,
        }
    )


FULL = spec(
    databases=[
        {
            "name": "orders",
            "schemas": ["sales"],
            "extensions": ["citext", {"name": "postgis", "schema": "gis", "version": "3.4"}],
        },
        {"name": "archive"},
    ]
)


def catalog(document: DatabaseSpec = FULL, version: int = 15, *preload: str) -> dict[str, Resource]:
    return state(desired(document, version, 50, preload))


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_every_resource_comes_after_what_it_stands_on(version: int) -> None:
    found = catalog(FULL, version, "pg_stat_statements", "pgaudit")
    seen: set[str] = set()
    for identity, resource in found.items():
        assert set(resource.after) <= seen, identity
        assert resource.reason
        assert resource.kind in KINDS
        assert json.loads(json.dumps(resource.attributes)) == resource.attributes
        seen.add(identity)


def test_the_roles_are_those_of_the_templates() -> None:
    found = {each.attributes["name"]: each for each in catalog().values() if each.kind == "role"}
    names = Roles("orders")
    assert {name for name in found if name.startswith("orders")} == {
        *(names.owner, names.rw, names.ro),
        *names.logins,
    }
    for name, role in found.items():
        assert not role.attributes["superuser"]
        assert role.attributes["replication"] == (name == "holdfast_replicator")
        assert role.attributes["login"] == (name not in (names.owner, names.rw, names.ro))
        has_password = role.attributes["password"] is not None
        assert has_password == (name in names.logins)
        if role.attributes["login"]:
            assert role.attributes["connection_limit"] > 0
    migrator = found["orders_migrator"].attributes
    assert migrator["settings"]["role"] == "orders_owner"
    assert migrator["password"] == f"secret:{password_ref('orders', 'orders_migrator')}"


def test_memberships_say_more_from_16_on() -> None:
    key = "membership/orders_owner/orders_migrator"
    assert set(catalog()[key].attributes) == {"role", "member", "admin"}
    newer = catalog(FULL, 16)[key].attributes
    assert (newer["inherit"], newer["set"]) == (False, True)
    app = catalog(FULL, 16)["membership/orders_rw/orders_app_a"].attributes
    assert (app["inherit"], app["set"]) == (True, False)
    assert "membership/pg_checkpoint/holdfast_backup" not in catalog(FULL, 14)


def test_a_schema_that_only_an_extension_names_is_made() -> None:
    found = catalog()
    assert "database/orders/schema/gis" in found["database/orders/extension/postgis"].after
    assert found["database/orders/extension/postgis"].attributes["version"] == "3.4"
    assert "database/archive/schema/sales" not in found


def test_extensions_of_a_library_follow_what_is_loaded() -> None:
    assert not any("pgaudit" in each or "pg_stat" in each for each in catalog())
    found = catalog(FULL, 15, "pg_stat_statements", "pgaudit")
    assert "database/postgres/extension/pg_stat_statements" in found
    assert "database/archive/extension/pgaudit" in found


def test_public_gets_nothing_but_the_use_of_schema_public() -> None:
    for identity, resource in catalog().items():
        for grants in (resource.attributes.get("grants"),):
            if isinstance(grants, dict) and "PUBLIC" in grants:
                assert identity.endswith("/schema/public/grants")
                assert grants["PUBLIC"] == ["USAGE"]


def test_a_verifier_is_that_of_the_rfc() -> None:
    # RFC 7677, section 3: user "user", password "pencil".
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    assert scram_verifier("pencil", salt, 4096) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40),
    st.binary(min_size=1, max_size=24),
)
def test_a_verifier_knows_its_password(secret: str, salt: bytes) -> None:
    verifier = scram_verifier(secret, salt, 2)
    assert is_verifier_of(verifier, secret)
    assert not is_verifier_of(verifier, secret + "x")
    assert secret not in verifier or len(secret) < 8


@pytest.mark.parametrize(
    ("secret", "salt", "iterations"),
    [("", b"s", 1), ("é", b"s", 1), ("a\nb", b"s", 1), ("a", b"", 1), ("a", b"s", 0)],
)
def test_what_could_read_differently_is_no_password(
    secret: str, salt: bytes, iterations: int
) -> None:
    with pytest.raises(ValueError, match=r"password|verifier"):
        scram_verifier(secret, salt, iterations)


def test_a_password_reads_as_its_reference_only_while_the_verifier_is_known() -> None:
    known = {"a": "V"}
    for verifier, wanted in itertools.product((None, "V", "W"), (None, "secret:a", "secret:b")):
        expected = {
            (None, wanted): None,
            ("V", "secret:a"): "secret:a",
        }.get((verifier, wanted), "changed")
        assert password(verifier, wanted, known) == expected
    assert not is_verifier_of("md5abc", "x")


def test_grants_are_grouped_and_marked() -> None:
    triples = [("b", "SELECT", False), ("a", "USAGE", True), ("b", "INSERT", False)]
    assert grouped(triples) == {"a": ["USAGE*"], "b": ["INSERT", "SELECT"]}
