"""GitLab's Code Quality report."""

from __future__ import annotations

import hashlib
import json

from holdfast.core.change import Json
from holdfast.core.finding import Finding, Severity
from holdfast.schema.checked import Checked

_LEVELS = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTICE: "info"}


def render(checked: Checked, *, effects: bool = False) -> str:
    """A list of issues; effects have no place in it."""
    del effects
    seen: dict[str, int] = {}
    rows = [_row(one, seen) for one in checked.findings if one.location is not None]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _row(finding: Finding, seen: dict[str, int]) -> Json:
    assert finding.location is not None
    text = f"{finding.id}\0{finding.location.file}\0{finding.subject}\0{finding.message}"
    # GitLab drops a second issue with one fingerprint, so that twins are numbered.
    seen[text] = seen.get(text, 0) + 1
    digest = hashlib.sha256(f"{text}\0{seen[text]}".encode(errors="replace")).hexdigest()
    return {
        "description": finding.message,
        "check_name": finding.id,
        "fingerprint": digest,
        "severity": _LEVELS[finding.severity],
        "location": {"path": finding.location.file, "lines": {"begin": finding.location.line}},
    }
