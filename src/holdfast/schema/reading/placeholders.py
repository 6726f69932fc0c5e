"""Templates made to parse: every placeholder gives way to something of its own length.

A placeholder stands mostly where a name stands, so a name takes its place; offsets, lines and
columns stay those of the file. A value that is known and not longer than its placeholder is put
there itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_DOLLAR = re.compile(r"\$\{([^{}\n]*)\}")
_BRACES = re.compile(r"\{\{-?\s*([^{},\n]*?)\s*-?\}\}")
_BLOCK = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_CONTROL = re.compile(r"(?:if|else|end|range|with|define|template|block|/\*)\b")
_NOT_NAME = re.compile(r"\W")


def settled(
    text: str, values: Mapping[str, str] | None = None, *, dollar: bool = True, braces: bool = True
) -> str:
    """The text, as long as before, without `${...}`, `{{...}}` and `{% ... %}`."""
    known = values or {}
    if dollar and "${" in text:
        text = _DOLLAR.sub(lambda found: _filled(found, known), text)
    if braces and "{{" in text:
        text = _BRACES.sub(lambda found: _filled(found, known), text)
    if braces and ("{%" in text or "{#" in text):
        text = _BLOCK.sub(lambda found: _blank(found[0]), text)
    return text


def _filled(found: re.Match[str], known: Mapping[str, str]) -> str:
    whole, name = found[0], found[1].strip()
    value = known.get(name, known.get(name.lower()))
    if value is not None and len(value) <= len(whole) and "\n" not in value:
        return value.ljust(len(whole))
    if not name or (whole.startswith("{{") and not re.match(r"[^\W\d]|\.", name)):
        return whole
    if whole.startswith("{{") and _CONTROL.match(name):
        return _blank(whole)
    return f"_{_NOT_NAME.sub('_', whole[1:]).lower()}"


def _blank(text: str) -> str:
    return "".join("\n" if each == "\n" else " " for each in text)
