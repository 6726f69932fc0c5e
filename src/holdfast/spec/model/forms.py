"""What the kinds share: the version of the language, supported majors, JSON forms."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.change import Json

API_VERSION = "holdfast/v1"
SUPPORTED_VERSIONS = (14, 15, 16, 17, 18)
"""Major versions of PostgreSQL that the platform knows how to run."""


def parameter_text(value: object) -> str:
    """A parameter's value as PostgreSQL's configuration file would hold it: `on`, `64MB`, `1.1`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def without_none(data: Mapping[str, Json]) -> dict[str, Json]:
    """The mapping without its None values."""
    return {name: value for name, value in data.items() if value is not None}
