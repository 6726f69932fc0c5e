"""The formats that `kinds` name: rules that no pattern can say, with their sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from jsonschema import FormatChecker
from jsonschema.exceptions import FormatError

from holdfast.core.units import duration_s, size_bytes
from holdfast.spec.names import identifier_fault, name_fault
from holdfast.spec.parameters import parameter_fault
from holdfast.spec.values import DURATION_PATTERN, SIZE_PATTERN, schedule_fault, window_fault


def _date_fault(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        return "a date is year, month and day, as in 2027-03-31"
    return ""


def _size_fault(text: str) -> str:
    if not re.fullmatch(SIZE_PATTERN, text):
        return "a size is a number and a unit, as in 512MiB or 10GiB"
    return "" if size_bytes(text) else "it is zero"


def _duration_fault(text: str, least: str, most: str) -> str:
    if not re.fullmatch(DURATION_PATTERN, text):
        return "a duration is numbers with units, as in 30s, 5m, 1h30m or 7d"
    if not duration_s(least) <= duration_s(text) <= duration_s(most):
        return f"it has to be within {least} and {most}"
    return ""


def _fraction_fault(text: str) -> str:
    return "" if duration_s(text).is_integer() else "it has to be whole seconds"


_RULES: Mapping[str, Callable[[str], str]] = {
    "date": _date_fault,
    "holdfast-identifier": identifier_fault,
    "holdfast-name": name_fault,
    "holdfast-parameter": parameter_fault,
    "holdfast-schedule": schedule_fault,
    "holdfast-size": _size_fault,
    "holdfast-window": window_fault,
}


class Formats(FormatChecker):
    """Asks our rules; a `holdfast-duration:20s:1h` carries its bounds."""

    def check(self, instance: object, format: str) -> None:  # noqa: A002 (the library's name)
        """Raise FormatError with the rule's sentence when a value breaks it."""
        if isinstance(instance, bool) or not isinstance(instance, (str, int)):
            return
        name, *bounds = format.split(":")
        if name == "holdfast-duration":
            fault = _duration_fault(str(instance), *bounds)
        elif name == "holdfast-seconds":
            fault = _duration_fault(str(instance), *bounds) or _fraction_fault(str(instance))
        else:
            fault = _RULES[name](instance) if isinstance(instance, str) else ""
        if fault:
            raise FormatError(fault)
