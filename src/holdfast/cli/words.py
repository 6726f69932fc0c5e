"""An error in words, for stderr."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.errors import Error, Invalid


def error_text(error: Error, sources: Mapping[str, str] | None = None) -> str:
    """The message, its findings and its hint; `sources` are texts that findings point into."""
    lines = [f"holdfast: {error.message}\n"]
    if isinstance(error, Invalid) and error.findings:
        from holdfast.core.render_findings import render_text

        lines.append("\n" + render_text(error.findings, sources))
    if error.hint:
        lines.append(f"  hint: {error.hint}\n")
    return "".join(lines)
