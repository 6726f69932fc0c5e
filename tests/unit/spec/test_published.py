"""What is published from the code is current: the schema, the reference page, the examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from holdfast.core.render_findings import render_text
from holdfast.spec.document import Source
from holdfast.spec.kinds import KINDS
from holdfast.spec.load import load
from holdfast.spec.reference import reference
from holdfast.spec.resolve import resolve
from holdfast.spec.schema import schema
from tests.unit.spec.site import SITE

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("**/*.yaml"))
UP = "../../../.."


def test_schema_file_is_current(golden: Callable[[str, str], None]) -> None:
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    golden(f"{UP}/schema/holdfast.v1.schema.json", text)


def test_reference_page_is_current(golden: Callable[[str, str], None]) -> None:
    golden(f"{UP}/docs/reference/documents.md", reference())


def test_schema_is_a_schema() -> None:
    Draft7Validator.check_schema(schema())
    assert "holdfast-" not in json.dumps(schema())


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_says_what_it_is(kind: str) -> None:
    def walk(fields: dict[str, object], path: str) -> None:
        properties = fields.get("properties", {})
        assert isinstance(properties, dict)
        for name, field in properties.items():
            assert field.get("description"), f"{path}.{name} has no description"
            walk(field, f"{path}.{name}")
            walk(field.get("items", {}), f"{path}.{name}[]")

    walk(KINDS[kind], kind)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.name))
def test_example_is_valid(file: Path) -> None:
    resolution = resolve(load([Source(file.name, file.read_bytes())]), SITE)
    assert resolution.findings == ()
    assert resolution.databases
    for data in YAML(typ="safe", pure=True).load_all(file.read_text()):
        data.pop("expires", None)  # a date to that loader, a text to ours
        assert list(Draft7Validator(schema()).iter_errors(data)) == []


def test_examples_do_not_share_names() -> None:
    assert load([Source(file.name, file.read_bytes()) for file in EXAMPLES]).findings == ()


def test_the_first_example_has_eight_lines() -> None:
    assert len((ROOT / "examples/orders.yaml").read_text().splitlines()) == 8


BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))


@pytest.mark.parametrize("file", BAD, ids=lambda file: str(file.name))
def test_rendered_findings(file: Path, golden: Callable[[str, str], None]) -> None:
    text = file.read_text()
    resolution = resolve(load([Source(file.name, text)]), SITE)
    golden(f"{file.stem}.txt", render_text(resolution.findings, {file.name: text}))
