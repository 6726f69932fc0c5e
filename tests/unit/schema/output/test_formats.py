"""Each format of a check's result, held to a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from holdfast.core.finding import Finding, Location, Severity
from holdfast.schema.checked import Checked
from holdfast.schema.effects.model import Effects, Lock
from holdfast.schema.output import FORMATS, rendered
from holdfast.schema.report import StatementReport

TEXT = "SELECT 1;\nCREATE INDEX orders_status ON orders (status);\nALTER TABLE;\n"
CHECKED = Checked(
    findings=(
        Finding(
            "schema.create_index",
            Severity.WARNING,
            "table orders",
            "index orders_status is built under a lock: 10% of <writes>, or more, wait",
            location=Location("db/a b.sql", 2, 1),
            evidence={
                "safe": "CREATE INDEX CONCURRENTLY orders_status ON orders (status);\nANALYZE;",
                "why": "It takes a lock for as long as it reads the whole table: INSERT, UPDATE "
                "and DELETE wait, and whatever comes after them waits too.",
                "docs": "https://example.org/rules#create-index",
                "statement": 1,
            },
        ),
        Finding(
            "schema.syntax",
            Severity.ERROR,
            "statement",
            "syntax error at or near \"ALTER\", '\x1b[31m'",
            "correct it",
            Location("db/a b.sql", 3, 12),
        ),
        Finding("schema.nowhere", Severity.NOTICE, "everything", "a thing without a place"),
    ),
    statements=(
        StatementReport("db/a b.sql", 0, 1, 1, "SELECT 1", Effects()),
        StatementReport(
            "db/a b.sql", 1, 2, 1, "CREATE INDEX orders_status ON orders (status)",
            Effects(
                locks=(Lock("public.orders", "ShareLock"),),
                scans=("public.orders",),
                builds=("public.orders_status",),
                loses=("nothing | much",),
            ),
        ),
        StatementReport("db/a b.sql", 2, 3, 1, "ALTER TABLE", Effects(error="42601 syntax error")),
    ),
    unknown=("table orders",),
    sources={"db/a b.sql": TEXT, "db/c.sql": ""},
    files=2,
    ignored=1,
    known=2,
    tools={"db": "sql"},
    titles={"schema.create_index": "Building an index blocks every write"},
)  # fmt: skip
SUFFIX = {"text": "txt", "github": "txt", "markdown": "md", "junit": "xml"}


@pytest.mark.parametrize("how", FORMATS)
def test_a_format_is_as_it_was(how: str, golden: Callable[[str, str], None]) -> None:
    golden(f"{how}.{SUFFIX.get(how, 'json')}", rendered(CHECKED, how, effects=True))


@pytest.mark.parametrize("how", FORMATS)
def test_nothing_found_is_a_result_too(how: str) -> None:
    text = rendered(Checked(()), how)
    if how in ("json", "sarif", "gitlab"):
        json.loads(text)
    if how == "junit":
        ElementTree.fromstring(text)


def test_sarif_has_what_its_schema_requires() -> None:
    data = json.loads(rendered(CHECKED, "sarif", effects=True))
    assert data["version"] == "2.1.0"
    (run,) = data["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"]
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
    assert len(run["results"]) == len(CHECKED.findings)
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for place in result.get("locations", ()):
            physical = place["physicalLocation"]
            assert " " not in physical["artifactLocation"]["uri"]
            assert physical["region"]["startLine"] >= 1
            assert physical["region"]["startColumn"] >= 1


def test_junit_is_xml_and_counts_files() -> None:
    suite = ElementTree.fromstring(rendered(CHECKED, "junit"))
    assert [case.get("name") for case in suite.iter("testcase")] == ["db/a b.sql", "db/c.sql", ""]
    assert suite.get("failures") == "2"


def test_a_file_cannot_steer_the_terminal_or_the_workflow() -> None:
    assert "\x1b" not in rendered(CHECKED, "text")
    hostile = Finding(
        "schema.syntax", Severity.ERROR, "", "a\n::set-output name=x::y", location=Location("f", 1)
    )
    assert rendered(Checked((hostile,)), "github").count("\n") == 1
