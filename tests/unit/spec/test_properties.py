from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from holdfast.core.render_findings import findings_json, render_text
from holdfast.core.units import duration_s, size_bytes
from holdfast.spec.document import Source
from holdfast.spec.load import load
from holdfast.spec.model import DatabaseSpec
from holdfast.spec.resolve import resolve
from holdfast.spec.scalar import plain_value
from holdfast.spec.schema import schema
from holdfast.spec.values import cron_fault, duration_text, size_text
from tests.unit.spec.site import SITE
from tests.unit.spec.strategies import databases, spoilt


@given(databases())
def test_a_valid_document_round_trips(data: dict[str, Any]) -> None:
    spec = DatabaseSpec.from_json(data)
    assert DatabaseSpec.from_json(spec.to_json()) == spec
    # What is stored reads as a document again, and as the same one.
    loaded = load([Source("stored.yaml", json.dumps(spec.to_json(), ensure_ascii=False))])
    assert loaded.findings == ()
    assert loaded.documents[0].spec == spec


@given(databases())
def test_the_published_schema_takes_what_the_loader_takes(data: dict[str, Any]) -> None:
    assert load([Source("a.yaml", json.dumps(data, ensure_ascii=False))]).ok
    assert list(Draft7Validator(schema()).iter_errors(data)) == []


@given(
    st.one_of(st.text(max_size=300), st.binary(max_size=300), spoilt(), spoilt().map(str.encode))
)
def test_nothing_that_is_read_raises(text: str | bytes) -> None:
    resolution = resolve(load([Source("a.yaml", text)]), SITE)
    shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
    rendered = render_text(resolution.findings, {"a.yaml": shown})
    assert all(each == "\n" or each.isprintable() for each in rendered)
    json.dumps(findings_json(resolution.findings)).encode()
    for finding in resolution.findings:
        assert finding.message
        assert finding.hint
        assert finding.location is not None
        assert finding.location.line >= 1
        assert finding.location.column >= 1
    # Something is said, or something is there.
    assert resolution.findings or resolution.databases or resolution.tiers


@given(st.integers(0, 10**12))
def test_durations_and_sizes_round_trip(number: int) -> None:
    assert round(duration_s(duration_text(number / 1000)) * 1000) == number
    assert size_bytes(size_text(number)) == number


@given(st.text(alphabet="0123456789*,-/ ", max_size=20))
def test_any_text_is_a_cron_expression_or_not(text: str) -> None:
    assert isinstance(cron_fault(text), str)


@given(st.text(alphabet="0123456789.eE+-xo_:", max_size=12))
def test_any_scalar_can_be_written_as_json(text: str) -> None:
    json.dumps(plain_value(text), allow_nan=False)
