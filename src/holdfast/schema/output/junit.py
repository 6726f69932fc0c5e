"""JUnit's XML: a case for each file, a failure for each finding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from holdfast.core.finding import Finding
from holdfast.schema.checked import Checked
from holdfast.schema.output.facts import advice

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(checked: Checked, *, effects: bool = False) -> str:
    """One suite; effects have no place in it."""
    del effects
    by_file: dict[str, list[Finding]] = {name: [] for name in checked.sources}
    for finding in checked.findings:
        by_file.setdefault(finding.location.file if finding.location else "", []).append(finding)
    failures = sum(1 for found in by_file.values() if found)
    head = f'name="holdfast check" tests="{len(by_file)}" failures="{failures}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {head}>"]
    lines.append(f"  <testsuite {head}>")
    for name, found in by_file.items():
        lines += _case(name, found)
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"]) + "\n"


def _case(name: str, found: list[Finding]) -> Iterator[str]:
    attributes = f'classname="holdfast.check" name={_attribute(name)} file={_attribute(name)}'
    if not found:
        yield f"    <testcase {attributes}/>"
        return
    yield f"    <testcase {attributes}>"
    worst = found[0].message if len(found) == 1 else f"{len(found)} findings"
    kinds = ", ".join(sorted({one.id for one in found}))
    yield f"      <failure message={_attribute(worst)} type={_attribute(kinds)}>"
    for one in found:
        line = one.location.line if one.location else 0
        text = f"{name}:{line}: {one.severity}: {one.message} [{one.id}]\n{advice(one)}"
        yield escape(_clean(text.strip()))
    yield "      </failure>"
    yield "    </testcase>"


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
