"""Whether a document may name a server parameter at all, whatever its tier."""

from __future__ import annotations

import re

from holdfast.spec.owned_parameters import PLATFORM_OWNED

_PARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}(\.[a-z][a-z0-9_]{0,62})?")


def parameter_fault(name: str) -> str:
    """Why a document cannot set this parameter; empty when its tier decides."""
    if not _PARAMETER_NAME.fullmatch(name):
        return (
            "a parameter's name is in lower case, with at most one dot, "
            "as in work_mem or auto_explain.log_min_duration"
        )
    reason = PLATFORM_OWNED.get(name)
    return f"it belongs to the platform: {reason}" if reason else ""
