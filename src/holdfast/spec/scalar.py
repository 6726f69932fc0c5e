"""What an unquoted word of YAML means, by the core schema of YAML 1.2.

YAML 1.1 reads `no` as false, `1:30` as ninety and `010` as eight. Here only true and false are
booleans, numbers are what they look like, and everything else is text.
"""

from __future__ import annotations

import math
import re

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEAN = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_BASED = re.compile(r"0(?:o[0-7]{1,20}|x[0-9a-fA-F]{1,15})")
_FLOAT = re.compile(
    r"(?=.*[.eE])[-+]?(?:\.[0-9]{1,300}|[0-9]{1,300}(?:\.[0-9]{0,300})?)(?:[eE][-+]?[0-9]{1,4})?"
)


def plain_value(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar. Numbers too large to be exact or finite stay text."""
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if len(text) < 400 and _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
