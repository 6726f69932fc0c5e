"""Every rule: its BAD examples are found, its GOOD ones are not, its documentation is complete."""

import re

import pytest

from holdfast.schema.catalog import Catalog
from holdfast.schema.check import Options, check
from holdfast.schema.dump import catalog_from_dump
from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.rule import Example
from holdfast.schema.ruleset import modules, name_of

CASES = [
    pytest.param(module, example, bad, id=f"{name_of(module)}-{'bad' if bad else 'good'}-{number}")
    for module in modules()
    for bad, examples in ((True, module.BAD), (False, module.GOOD))
    for number, example in enumerate(examples)
]


def run(example: Example, rule: str) -> list[str]:
    facts = catalog_from_dump(example.given, example.version) if example.complete else Catalog()
    fragments = (Fragment(example.when, 1, 1, 0),)
    migration = Migration(
        "m.sql", "1", "m", Direction.UP, (Batch(fragments, example.transaction),), example.when
    )
    options = Options(example.version, style=True)
    return [
        finding.message
        for finding in check([migration], facts, options).findings
        if finding.id in (rule, "schema.syntax")
    ]


@pytest.mark.parametrize(("module", "example", "bad"), CASES)
def test_examples(module, example, bad):
    messages = run(example, name_of(module))
    assert bool(messages) is bad, messages


@pytest.mark.parametrize("module", modules(), ids=name_of)
def test_documentation(module):
    paragraphs = (module.__doc__ or "").strip().split("\n\n")
    assert len(paragraphs) >= 3, "what, why, instead"
    assert paragraphs[0].endswith(".") and "\n" not in paragraphs[0]
    assert paragraphs[-1].startswith("Instead: ")


def test_every_row_of_the_hazard_table_has_a_rule():
    # 75, conflicts of files, is what the readers of the tools' folders find.
    assert {row for module in modules() for row in module.ROWS} == set(range(1, 77)) - {75}


def test_names_are_ids():
    assert all(re.fullmatch(r"schema\.[a-z_]+", name_of(module)) for module in modules())
