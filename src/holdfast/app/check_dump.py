"""The facts before the first migration, from a dump of the schema."""

from __future__ import annotations

from holdfast.app.check import version_of
from holdfast.app.check_read import text_of
from holdfast.core.errors import Invalid
from holdfast.core.finding import Finding, Location, Severity
from holdfast.schema.catalog.catalog import Catalog
from holdfast.schema.dump import catalog_from_dump
from holdfast.schema.parse import Broken


def facts_of_file(path: str, version: int | None) -> tuple[Catalog, int | None]:
    """The catalog that a dump describes, and the server's version where the dump names it.

    Raises `NotFound`, and `Invalid` with the place of what is no SQL.
    """
    return facts_of_text(text_of(path), path, version)


def facts_of_text(text: str, path: str, version: int | None) -> tuple[Catalog, int | None]:
    """The same for a text."""
    found = version_of(text)
    try:
        return catalog_from_dump(text, version or found or 18), found
    except Broken as broken:
        at = max(broken.position, 0)
        line = text.count("\n", 0, at) + 1
        place = Location(path, line, at - text.rfind("\n", 0, at))
        said = Finding("schema.syntax", Severity.ERROR, path, broken.message, location=place)
        raise Invalid(f"{path} is no dump of a schema", [said]) from None
