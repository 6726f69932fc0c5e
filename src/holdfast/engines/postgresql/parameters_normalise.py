"""When two spellings of a parameter's value are one value.

`1GB` and `131072` (of 8 kB) are the same `shared_buffers`; drift detection must know it, or every
plan would be full of noise. Follows `parse_int`, `parse_real` and `parse_bool` of PostgreSQL's
guc.c, and its conversion tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_MEMORY: Mapping[str, int] = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
_TIME_US: Mapping[str, int] = {
    "us": 1,
    "ms": 1000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_NUMBER = re.compile(
    r"\s*([+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))\s*([A-Za-z]*)\s*"
)
_OCTAL = re.compile(r"[+-]?0[0-7]+")
_BASE = re.compile(r"(\d*)([A-Za-z]+)")
_LISTS = frozenset(
    {
        "datestyle",
        "local_preload_libraries",
        "log_connections",
        "log_destination",
        "pgaudit.log",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "synchronized_standby_slots",
        "temp_tablespaces",
    }
)
_SWITCHES = {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}


def normalise(name: str, value: str, unit: str | None, vartype: str) -> str:
    """One spelling for every way to write a value.

    `unit` and `vartype` are those of `pg_settings` (`8kB`, `ms`; `bool`, `integer`, `real`,
    `enum`, `string`). Numbers come out in `unit`, without it. What cannot be read as its type
    is returned as it is: it is no value of the parameter, so it equals nothing else.
    """
    if vartype == "bool":
        return _bool(value) or value
    if vartype in ("integer", "real"):
        return _number(value, unit, whole=vartype == "integer") or value
    if vartype == "enum":
        return _enum(name, value)
    if name.lower() in _LISTS:
        return ",".join(part.strip() for part in value.split(","))
    return value


def same_value(name: str, one: str, other: str, unit: str | None, vartype: str) -> bool:
    """Whether two spellings are one value of the parameter."""
    return normalise(name, one, unit, vartype) == normalise(name, other, unit, vartype)


def _bool(value: str) -> str | None:
    text = value.strip().lower()
    if text in ("1", "0"):
        return "on" if text == "1" else "off"
    for word, switch in (("true", "on"), ("yes", "on"), ("false", "off"), ("no", "off")):
        if text and word.startswith(text):
            return switch
    # "o" alone is refused by the server: it could be either.
    if text == "on":
        return "on"
    return "off" if text in ("of", "off") else None


def _enum(name: str, value: str) -> str:
    text = value.strip().lower()
    text = _SWITCHES.get(text, text)
    if name.lower() == "wal_compression" and text == "on":
        return "pglz"
    return text


def _number(value: str, unit: str | None, *, whole: bool) -> str | None:
    match = _NUMBER.fullmatch(value)
    if match is None:
        return None
    digits, suffix = match.groups()
    number = _read(digits)
    if suffix:
        factor = _factor(suffix, unit)
        if factor is None:
            return None
        number *= factor
    if math.isinf(number):
        return None
    return str(round(number)) if whole else f"{number:.12g}"


def _read(digits: str) -> float:
    if "x" in digits.lower():
        return float(int(digits, 16))
    # As in C a leading zero means octal: `log_file_mode = 0600` is 384.
    return float(int(digits, 8)) if _OCTAL.fullmatch(digits) else float(digits)


def _factor(suffix: str, unit: str | None) -> float | None:
    """How many of the parameter's own unit one of the written unit is; None when it has none."""
    base = _BASE.fullmatch(unit or "")
    if base is None:
        return None
    for table in (_MEMORY, _TIME_US):
        if suffix in table and base[2] in table:
            return table[suffix] / (table[base[2]] * int(base[1] or 1))
    return None
