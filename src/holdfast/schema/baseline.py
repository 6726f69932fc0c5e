"""Findings that are known already: a file that says which, so that only new ones are told.

A finding is known again by its rule, its file and the words of its statement, not by its line: what
moves stays known, what is changed does not.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from holdfast.core.errors import Error
from holdfast.core.finding import Finding

_VERSION = 1
Print = tuple[str, str, str]
"""Rule, file, and a digest of the statement's words."""


def fingerprint(finding: Finding, path: str, words: str) -> Print:
    """How a finding is known again; `words` are its statement's."""
    text = f"{finding.subject}\0{' '.join(words.split())}"
    return finding.id, path, hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def rendered(prints: Iterable[Print]) -> str:
    """A baseline file, the same for the same findings."""
    counted = Counter(prints)
    rows = [
        {"rule": rule, "path": path, "statement": digest, "count": count}
        for (rule, path, digest), count in sorted(counted.items())
    ]
    return json.dumps({"version": _VERSION, "findings": rows}, indent=2) + "\n"


def parsed(text: str, name: str) -> Counter[Print]:
    """How often each finding is known. Raises `Error` where the file is none of ours."""
    try:
        data = json.loads(text)
        if data["version"] != _VERSION:
            raise Error(f"baseline {name} has version {data['version']!r}, known is {_VERSION}")
        return Counter(
            {(row["rule"], row["path"], row["statement"]): row["count"] for row in data["findings"]}
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Error(
            f"{name} is no baseline of `holdfast check`: {error}",
            hint="write it anew with --write-baseline",
        ) from None


def unknown(
    findings: Iterable[Finding], known: Mapping[Print, int], print_of: Callable[[Finding], Print]
) -> tuple[list[Finding], int]:
    """The findings that the baseline does not have, and how many it had."""
    left = Counter(known)
    new, old = [], 0
    for finding in findings:
        mark = print_of(finding)
        if left[mark] > 0:
            left[mark] -= 1
            old += 1
        else:
            new.append(finding)
    return new, old
