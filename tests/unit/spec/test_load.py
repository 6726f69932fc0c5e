from __future__ import annotations

from itertools import pairwise

import pytest

from holdfast.core.finding import Severity
from holdfast.spec.document import Source
from holdfast.spec.load import load
from holdfast.spec.model import DatabaseSpec, LogicalDatabase, TierSpec
from tests.unit.spec.site import ORDERS, TIER, findings, only, orders, read, with_fields


def test_eight_lines_are_a_database() -> None:
    resolution = read(ORDERS)
    assert resolution.findings == ()
    (database,) = resolution.databases
    assert (database.name, database.nodes, database.version) == ("orders", 3, 16)
    assert database.spec.databases == (LogicalDatabase("orders"),)
    assert str(resolution.locations["orders"]) == "orders.yaml:1:1"


# fields to set, rule, path, words of the message, words of the hint
WRONG_FIELDS = [
    ({"onwer": "x"}, "unknown-field", "onwer", "no field 'onwer'", "did you mean 'owner'?"),
    ({"zzz": "x"}, "unknown-field", "zzz", "allowed are name", "remove it"),
    ({"tier": "tier-9"}, "unknown-tier", "tier", "no tier 'tier-9'", "tier-0, tier-1"),
    ({"tier": "teir-3"}, "unknown-tier", "tier", "no tier 'teir-3'", "did you mean 'tier-3'?"),
    ({"tier": "tier-0\u0430"}, "unknown-tier", "tier", "\\u0430", "tier-0"),
    ({"tier": "'tier 0; rm -rf /'"}, "unknown-tier", "tier", "'tier 0; rm -rf /'", "tier-0"),
    ({"tier": ""}, "no-value", "tier", "tier has no value", "or remove the line"),
    ({"size": "xxl"}, "not-allowed", "size", "'xxl'; allowed are xs, s", "did you mean 'xl'?"),
    ({"environment": "prod"}, "not-allowed", "environment", "'prod'", "production"),
    ({"classification": "yes"}, "not-allowed", "classification", "'yes'", "write one of"),
    ({"engine": "mariadb"}, "not-supported-yet", "engine", "not supported yet", "postgresql"),
    ({"engine": "postgres"}, "not-allowed", "engine", "'postgres'", "mean 'postgresql'?"),
    ({"version": "13"}, "not-allowed", "version", "13; allowed are 14, 15, 16", "one of 14"),
    ({"version": "17"}, "version-not-installed", "version", "installed: 15 and 16", "install"),
    ({"version": '"15"'}, "wrong-type", "version", "a text", "write 15 without quotes"),
    ({"version": "15.0"}, "wrong-type", "version", "15.0", "whole number"),
    ({"version": "15.4"}, "wrong-type", "version", "15.4, which is a number", "whole number"),
    ({"version": "true"}, "wrong-type", "version", "true", "whole number"),
    ({"version": "fifteen"}, "wrong-type", "version", "'fifteen'", "whole number"),
    ({"version": ""}, "no-value", "version", "no value", "remove the line"),
    ({"nodes": "-1"}, "out-of-range", "nodes", "-1; the least is 1", "within 1 and 50"),
    ({"nodes": "1e3"}, "wrong-type", "nodes", "1000.0", "whole number"),
    ({"nodes": "1:30"}, "wrong-type", "nodes", "'1:30', which is a text", "whole number"),
    ({"nodes": "99999999999999999999999"}, "wrong-type", "nodes", "a text", "whole number"),
    ({"nodes": "2"}, "nodes-outside-tier", "nodes", "tier-0 allows 3 to 7", "for 3"),
    ({"owner": "5"}, "wrong-type", "owner", "5, which is a number", 'quotes: "5"'),
    ({"owner": "true"}, "wrong-type", "owner", "owner is true; it", 'quotes: "true"'),
    ({"owner": "[a]"}, "wrong-type", "owner", "owner is a list", "write a text"),
    ({"owner": '"a\\nb"'}, "bad-value", "owner", "'a\\nb'", "like checkout"),
    ({"owner": '"checkout\\n"'}, "bad-value", "owner", "'checkout\\n'", "like checkout"),
    ({"owner": '"a\\0b"'}, "unreadable", "owner", "'\\x00'", "remove it"),
    ({"owner": '"\\ud800"'}, "unreadable", "owner", "\\ud800", "remove it"),
    ({"expires": "2026-13-01"}, "bad-value", "expires", "year, month and day", "2027-03-31"),
    ({"expires": "tomorrow"}, "bad-value", "expires", "'tomorrow'", "2027-03-31"),
    ({"expires": "2030-01-01"}, "expiry-not-allowed", "expires", "tier-0", "environment"),
    ({"connections": "many"}, "wrong-type", "connections", "'many'", "whole number"),
    ({"connections": "5"}, "out-of-range", "connections", "the least is 10", "10 and 10000"),
    ({"connections": "5000"}, "too-many-connections", "connections", "at most 128 do", "pooled"),
    ({"deletionPolicy": "keep"}, "not-allowed", "deletionPolicy", "retain and delete", "retain"),
    ({"maintenanceWindow": "sunday"}, "bad-value", "maintenanceWindow", "UTC", "sun 02:00"),
    (
        {"maintenanceWindow": "sun 25:00-26:00"},
        "bad-value",
        "maintenanceWindow",
        "00:00-24:00",
        "sun 02:00-04:00",
    ),
    ({"databases": "orders"}, "wrong-type", "databases", "'orders'", "[orders]"),
    ({"databases": "[]"}, "out-of-range", "databases", "has 0 items; the least is 1", "more"),
    ({"databases": "[{}]"}, "missing-field", "databases[0]", "databases[0].name", "add `name:`"),
    ({"databases": "[{name: select}]"}, "bad-value", "databases[0].name", "word of SQL", "corr"),
    ({"databases": "[{name: a}, {name: a}]"}, "twice", "databases[1]", "database a", "remove"),
    (
        {"databases": "[{name: a, schemas: [b, b]}]"},
        "twice",
        "databases[0].schemas",
        "'b' more than once",
        "write each once",
    ),
    ({"extensions": "pg_trgm"}, "wrong-type", "extensions", "'pg_trgm'", "[pg_trgm]"),
    ({"extensions": "[pg_trgm 1.6]"}, "bad-value", "extensions[0]", "'pg_trgm 1.6'", "correct"),
    ({"extensions": "[{nam: a}]"}, "unknown-field", "extensions[0].nam", "'nam'", "'name'?"),
    ({"extensions": "[{name: a, version: 1.6}]"}, "wrong-type", "extensions[0].version", "", '"'),
    ({"extensions": "[a, b, a]"}, "twice", "extensions[2]", "extension a", "remove"),
    (
        {"parameters": "{archive_command: x}"},
        "bad-key",
        "parameters.archive_command",
        "belongs to the platform",
        "remove",
    ),
    ({"parameters": "{ssl: off}"}, "bad-key", "parameters.ssl", "encryption", "remove"),
    ({"parameters": "{Work_mem: 1}"}, "bad-key", "parameters.Work_mem", "lower case", "remove"),
    ({"parameters": "{work_mem: [1]}"}, "wrong-type", "parameters.work_mem", "a list", ""),
    ({"parameters": '{work_mem: "1\\n2"}'}, "bad-value", "parameters.work_mem", "", ""),
    (
        {"parameters": "{wal_compression: true}"},
        "override-not-allowed",
        "parameters.wal_compression",
        "tier-0 does not let",
        "overrides",
    ),
    ({"labels": "{a: 1}"}, "wrong-type", "labels.a", "a number", '"1"'),
    ({"labels": "{A B: x}"}, "bad-key", "labels.'A B'", "cannot be set", "remove"),
    ({"verify": "[{sql: ''}]"}, "missing-field", "verify[0]", "expect", ""),
    (
        {"verify": "[{sql: select 1, expect: 1, database: other}]"},
        "unknown-database",
        "verify[0].database",
        "no database other",
        "orders",
    ),
]


@pytest.mark.parametrize(
    ("fields", "rule", "path", "message", "hint"),
    WRONG_FIELDS,
    ids=[str(w[0]) for w in WRONG_FIELDS],
)
def test_wrong_field(fields: dict[str, str], rule: str, path: str, message: str, hint: str) -> None:
    text = orders(**fields)
    found = [each for each in findings(text) if each.id == f"spec.{rule}"]
    assert found, findings(text)
    assert found[0].severity is Severity.ERROR
    assert found[0].location is not None
    assert found[0].location.path == path
    assert message in found[0].message
    assert hint in found[0].hint
    # The field was added as the last line.
    assert found[0].location.line == text.count("\n") or rule == "missing-field"
    assert read(text).databases == ()


WRONG_NAMES = [
    ("Orders", "write 'orders'"),
    ("or-ders", "write 'or_ders'"),
    ('"or\'ders"', "write 'or_ders'"),
    ("'or\"ders'", "write 'or_ders'"),
    ("'orders; DROP TABLE x'", "write 'orders_drop_table_x'"),
    ("'$(reboot)'", "write 'reboot'"),
    ("'`id`'", "write 'id'"),
    ("../etc/passwd", "write 'etc_passwd'"),
    ('"orders\\n"', "write 'orders'"),
    ("órders", "write 'rders'"),
    ("\u043erders", "write 'rders'"),
    ("'\u540d\u524d'", "choose another name"),
    ("''", "choose another name"),
    ("1orders", "choose another name"),
    ("_orders", "write 'orders'"),
    ("a" * 40, "write 'aaaa"),
    ("postgres", "choose another name"),
    ("template1", "choose another name"),
    ("holdfast", "choose another name"),
    ("all", "choose another name"),
    ("user", "choose another name"),
    ("order", "choose another name"),
    ("pg_orders", "choose another name"),
]


@pytest.mark.parametrize(("name", "hint"), WRONG_NAMES)
def test_a_name_that_would_need_quotes_is_refused(name: str, hint: str) -> None:
    found = only(orders(name=name))
    assert found.id == "spec.bad-value"
    assert found.message.startswith("name ")
    assert "cannot be used:" in found.message
    assert found.message.isascii()
    if name == "1orders":
        hint = "write 'orders'"
    assert hint in found.hint


@pytest.mark.parametrize("name", ["5", "true", "null", "1.5", "[a]", "{a: b}"])
def test_a_name_that_is_no_text_is_refused(name: str) -> None:
    assert findings(orders(name=name))[0].id in ("spec.wrong-type", "spec.no-value")


# text, rule, line, column, words of the message
WRONG_YAML = [
    ("", "empty", 1, 1, "no document"),
    ("# nothing\n---\n---\n", "empty", 1, 1, "no document"),
    ("- a\n- b\n", "not-a-document", 1, 1, "a list"),
    ("hello\n", "not-a-document", 1, 1, "'hello'"),
    ("a: b\n\tc: d\n", "tab", 2, 1, "there is a tab"),
    ("a:\n  \tb: d\n", "tab", 2, 3, "there is a tab"),
    ("a: b\n c: d\n", "yaml", 2, 3, "mapping values are not allowed"),
    ("a: [1, 2\nb: 3\n", "yaml", 2, 2, "not valid YAML"),
    ("a: {x: 1\n", "yaml", 1, 4, "not valid YAML"),
    ("a: 'never closed\n", "yaml", 1, 4, "end of stream"),
    ("a: b: c\n", "yaml", 1, 5, "mapping values"),
    ("a: @x\n", "yaml", 1, 4, "cannot start any token"),
    ("a: *b\n", "unknown-alias", 1, 4, "no anchor"),
    ("a: &a [*a]\n", "endless-alias", 1, 8, "inside what it refers to"),
    ("? [a]\n: b\n", "bad-key", 1, 3, "a key has to be a word"),
    ("%YAML 1.1\n---\n" + ORDERS, "directive", 1, 1, "directives"),
    ("a: x\0y\n", "unreadable", 1, 5, "'\\x00'"),
    (b"a: caf\xe9\n", "encoding", 1, 7, "0xe9"),
    ("a: b\n".encode("utf-16"), "encoding", 1, 1, "UTF-16"),
    (b"\x00\x01\x02", "unreadable", 1, 1, "'\\x00'"),
]


@pytest.mark.parametrize(("text", "rule", "line", "column", "message"), WRONG_YAML)
def test_wrong_yaml(text: str | bytes, rule: str, line: int, column: int, message: str) -> None:
    found = findings(text)[0]
    assert found.id == f"spec.{rule}"
    assert found.location is not None
    assert (found.location.line, found.location.column) == (line, column)
    assert message in found.message
    assert found.hint
    assert "<" not in found.message, "the parser's own words for its tokens"


@pytest.mark.parametrize(
    "tag", ["!!python/object:os.system", "!!python/object/apply:os.system", "!x", "!!str", "!!set"]
)
def test_tags_are_refused(tag: str) -> None:
    found = only(orders(owner=f"{tag} checkout"))
    assert found.id == "spec.tag"
    assert tag in found.message
    assert found.location is not None
    assert found.location.path == "owner"


def test_a_key_that_stands_twice() -> None:
    found = only(ORDERS + "owner: other\n")
    assert (found.id, str(found.location)) == ("spec.key-twice", "orders.yaml:9:1")
    assert "already on line 4" in found.message


def test_a_merge_key_is_named() -> None:
    found = findings(ORDERS + "<<: {engine: postgresql}\n")
    assert {each.id for each in found} == {"spec.merge-key", "spec.unknown-field"}


def test_an_alias_may_be_used() -> None:
    text = orders(owner="&who checkout", description="*who")
    assert read(text).databases[0].spec.description == "checkout"


def test_yaml_1_1_words_are_texts() -> None:
    spec = read(orders(labels="{a: no, b: on, c: 1:30, d: 2026-01-01, e: .inf, f: 0b1}"))
    assert spec.databases[0].spec.labels == {
        "a": "no",
        "b": "on",
        "c": "1:30",
        "d": "2026-01-01",
        "e": ".inf",
        "f": "0b1",
    }


@pytest.mark.parametrize("word", ["yes", "on", '"true"'])
def test_a_boolean_as_text_is_refused(word: str) -> None:
    found = only(with_fields(TIER, {"strict": word}))
    assert found.id == "spec.wrong-type"
    assert "write true" in found.hint


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends_and_byte_order_mark(ends: str) -> None:
    text = ("\ufeff" + ORDERS + "zzz: 1\n").replace("\n", ends)
    assert str(only(text).location) == "orders.yaml:9:1"
    assert str(only(text.encode()).location) == "orders.yaml:9:1"


def test_all_mistakes_at_once() -> None:
    text = """\
apiVersion: holdfast/v2
kind: Database
name: Orders
onwer: checkout
environment: prod
tier: tier-9
size: xxl
"""
    found = findings(text)
    assert {each.id for each in found} == {
        "spec.unknown-version",
        "spec.bad-value",
        "spec.unknown-field",
        "spec.not-allowed",
        "spec.unknown-tier",
        "spec.missing-field",
    }
    assert [
        each.location.path for each in found if each.location and each.id == "spec.missing-field"
    ] == [""]
    assert len(found) == 7
    places = [(each.location.line, each.location.column) for each in found if each.location]
    assert all(a <= b for a, b in pairwise(places))


def test_an_error_in_one_document_does_not_hide_the_next() -> None:
    text = f"a: b: c\n---\n{ORDERS}zzz: 1\n---\nkind: Databse\napiVersion: holdfast/v1\n"
    found = findings(text)
    assert [each.id for each in found] == ["spec.yaml", "spec.unknown-field", "spec.unknown-kind"]
    assert [each.location.line for each in found if each.location] == [1, 11, 13]


def test_unknown_kinds() -> None:
    found = only("apiVersion: holdfast/v1\nkind: database\nname: x\n")
    assert found.hint == "did you mean 'Database'?"
    found = only("apiVersion: holdfast/v1\nkind: Policy\nname: x\n")
    assert "not part of this release" in found.message
    found = only("apiVersion: holdfast/v1\nkind: [Tier]\n")
    assert "a list" in found.message
    found = only("apiVersion: holdfast/v1\nname: x\n")
    assert "kind is missing" in found.message


def test_two_documents_with_one_name() -> None:
    loaded = load([Source("a.yaml", ORDERS), Source("b.yaml", "# again\n" + ORDERS)])
    (found,) = loaded.findings
    assert found.id == "spec.name-twice"
    assert str(found.location) == "b.yaml:4:7"
    assert "first at a.yaml:3:7" in found.message
    assert found.evidence == {"first": "a.yaml:3:7", "second": "b.yaml:4:7"}


def test_a_tier_and_a_database_may_share_a_name() -> None:
    loaded = load([Source("a.yaml", f"{TIER}---\n{orders(name='gold')}")])
    assert loaded.findings == ()
    assert [type(each.spec) for each in loaded.documents] == [TierSpec, DatabaseSpec]


def test_extensions_of_all_and_of_one() -> None:
    text = orders(
        extensions="[pg_trgm, hstore]",
        databases="[{name: a, extensions: [{name: hstore, schema: ext}]}, {name: b}]",
    )
    a, b = read(text).databases[0].spec.databases
    assert [(e.name, e.schema) for e in a.extensions] == [("pg_trgm", None), ("hstore", "ext")]
    assert [(e.name, e.schema) for e in b.extensions] == [("pg_trgm", None), ("hstore", None)]


def test_parameters_as_postgresql_writes_them() -> None:
    text = orders(parameters="{work_mem: 64MB, jit: false, random_page_cost: 1.1}")
    assert read(text).databases[0].spec.parameters == {
        "jit": "off",
        "random_page_cost": "1.1",
        "work_mem": "64MB",
    }


def test_nothing_to_load() -> None:
    assert load([]).ok
