"""One JSON Schema (draft-07, which editors speak) for every kind of document."""

from __future__ import annotations

from holdfast.core.change import Json
from holdfast.spec.kinds import KINDS
from holdfast.spec.model import API_VERSION


def schema() -> dict[str, Json]:
    """The schema as it is published: a document's `kind` chooses among the definitions."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Holdfast documents, {API_VERSION}",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"apiVersion": {"const": API_VERSION}, "kind": {"enum": list(KINDS)}},
        "allOf": [
            {
                "if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
                "then": {"$ref": f"#/definitions/{kind}"},
            }
            for kind in KINDS
        ],
        "definitions": {kind: _definition(kind, fields) for kind, fields in KINDS.items()},
    }


def _definition(kind: str, fields: dict[str, Json]) -> dict[str, Json]:
    published: dict[str, Json] = _without_own_formats(fields)
    published["required"] = ["apiVersion", "kind", *fields["required"]]
    published["properties"] = {
        "apiVersion": {"const": API_VERSION, "description": "The version of the language."},
        "kind": {"const": kind, "description": fields["description"]},
        **published["properties"],
    }
    return published


def _without_own_formats(value: Json) -> Json:
    """Formats that only the loader knows say nothing to an editor."""
    if isinstance(value, list):
        return [_without_own_formats(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_own_formats(each)
        for name, each in value.items()
        if not (name == "format" and str(each).startswith("holdfast-"))
    }
