"""The kinds of document: one module each, whose `FIELDS` is a JSON Schema (draft-07).

Everything else derives from it: what the loader accepts, what editors complete, and the reference
page. `format` names of our own (`holdfast-name`) stand for rules that a pattern cannot say; the
loader knows them, and editors ignore them.
"""

from __future__ import annotations

from holdfast.core.change import Json
from holdfast.spec.kinds import database, tier

KINDS: dict[str, dict[str, Json]] = {"Database": database.FIELDS, "Tier": tier.FIELDS}
COMING = ("Policy", "Runbook", "Host")
"""Kinds that later releases bring: known words, not yet documents."""
