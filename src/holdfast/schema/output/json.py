"""For programs: findings, and with `--effects` every statement with what it does."""

from __future__ import annotations

import json
from collections import Counter

from holdfast.core.change import Json
from holdfast.core.finding import Severity
from holdfast.core.render_findings import findings_json
from holdfast.schema.checked import Checked
from holdfast.schema.output.facts import statement_json


def render(checked: Checked, *, effects: bool = False) -> str:
    """One object."""
    counted = Counter(one.severity for one in checked.findings)
    data: dict[str, Json] = {
        "summary": {
            "files": checked.files,
            **{f"{severity}s": counted[severity] for severity in Severity},
            "ignored": checked.ignored,
            "known": checked.known,
        },
        "tools": dict(checked.tools),
        "findings": findings_json(checked.findings),
        "unknown": list(checked.unknown),
    }
    if effects:
        data["statements"] = [statement_json(one) for one in checked.statements]
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
