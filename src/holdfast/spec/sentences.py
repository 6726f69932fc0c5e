"""One sentence for each way in which a value can break the rule of its field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from holdfast.spec.names import NAME_PATTERN, name_fault
from holdfast.spec.suggest import listing, meant, show

_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


class Sentence(NamedTuple):
    """A finding's rule, message and hint."""

    rule: str
    message: str
    hint: str


class Broken(NamedTuple):
    """A value and the rule of its field (a keyword of JSON Schema) that it breaks.

    `allowed` is the keyword's own value, `field` the field's schema, `reason` what a format says;
    `about_key` when the value is a key.
    """

    rule: str
    value: Any
    allowed: Any
    field: Mapping[str, Any]
    reason: str = ""
    about_key: bool = False


def sentence(where: str, broken: Broken) -> Sentence:
    """What to say about a value that breaks one rule of its field."""
    if broken.value is None:
        message = f"{where or 'the document'} has no value"
        return Sentence("no-value", message, "give it a value, or remove the line")
    return _SENTENCES.get(str(broken.rule), _other)(where, broken)


def _of_type(where: str, broken: Broken) -> Sentence:
    value = broken.value
    wanted = broken.allowed
    names = [wanted] if isinstance(wanted, str) else wanted
    allowed = " or ".join(_TYPES[name] for name in names)
    kind = "" if isinstance(value, (dict, list, bool)) else f", which is {_kind_of(value)}"
    message = f"{where} is {show(value)}{kind}; it has to be {allowed}"
    return Sentence("wrong-type", message, _type_hint(value, names))


def _kind_of(value: object) -> str:
    return "a text" if isinstance(value, str) else "a number"


def _type_hint(value: object, wanted: list[str]) -> str:
    if "boolean" in wanted and isinstance(value, str):
        word = _YES_NO.get(value.casefold(), "true or false")
        return f"write {word}, without quotes"
    if "integer" in wanted or "number" in wanted:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            return f"write {value} without quotes"
        return "write a whole number" if "integer" in wanted else "write a number"
    if "string" in wanted and isinstance(value, (bool, int, float)):
        return f'put it in quotes: "{show(value)}"'
    if "array" in wanted:
        return f"write a list: [{value}]" if _is_word(value) else "write a list, one `-` an item"
    if "object" in wanted:
        return "write a mapping, one `key: value` a line"
    return "write a text"


def _is_word(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,40}", value) is not None


def _of_enum(where: str, broken: Broken) -> Sentence:
    allowed = [show(each) if isinstance(each, bool) else str(each) for each in broken.allowed]
    message = f"{where} is {show(broken.value)}; allowed are {listing(allowed)}"
    if len(allowed) == 1:
        message = f"{where} is {show(broken.value)}; allowed is {allowed[0]}"
    return Sentence("not-allowed", message, meant(str(broken.value), allowed))


def _of_format(where: str, broken: Broken) -> Sentence:
    return _broken_rule(where, broken, str(broken.reason))


def _of_pattern(where: str, broken: Broken) -> Sentence:
    return _broken_rule(where, broken, f"it has to match {broken.allowed}")


def _broken_rule(where: str, broken: Broken, reason: str) -> Sentence:
    if broken.about_key:
        return Sentence("bad-key", f"{where} cannot be set: {reason}", "remove it")
    value = str(broken.value)
    message = f"{where} {show(value)} cannot be used: {reason}"
    return Sentence("bad-value", message, _value_hint(where, broken, value))


def _value_hint(where: str, broken: Broken, value: str) -> str:
    if broken.field.get("pattern") == NAME_PATTERN:
        plain = re.sub(r"[^a-z0-9]+", "_", value[:60].lower()).strip("_0123456789")[:39]
        if plain and not name_fault(plain) and not re.fullmatch(NAME_PATTERN, value):
            return f"write {plain!r}"
        return "choose another name"
    examples = broken.field.get("examples")
    return f"write it like {examples[0]}" if examples else f"correct {where}"


def _of_bound(words: str) -> Callable[[str, Broken], Sentence]:
    def say(where: str, broken: Broken) -> Sentence:
        message = f"{where} is {show(broken.value)}; {words} is {broken.allowed}"
        return Sentence("out-of-range", message, f"write a number within {_range(broken.field)}")

    return say


def _range(schema: Mapping[str, Any]) -> str:
    return f"{schema.get('minimum', '-')} and {schema.get('maximum', '-')}"


def _of_count(words: str) -> Callable[[str, Broken], Sentence]:
    def say(where: str, broken: Broken) -> Sentence:
        message = f"{where} has {len(broken.value)} {words} is {broken.allowed}"
        return Sentence("out-of-range", message, "write fewer" if "most" in words else "write more")

    return say


def _of_twice(where: str, broken: Broken) -> Sentence:
    items = [item for item in broken.value if isinstance(item, str)]
    twice = sorted({item for item in items if items.count(item) > 1})
    message = f"{where} has {listing(show(each) for each in twice[:5])} more than once"
    return Sentence("twice", message, "write each once")


def _other(where: str, broken: Broken) -> Sentence:
    message = f"{where} is {show(broken.value)}, which breaks the rule {broken.rule}"
    return Sentence("bad-value", message, "look it up in the reference")


_SENTENCES: Mapping[str, Callable[[str, Broken], Sentence]] = {
    "type": _of_type,
    "enum": _of_enum,
    "format": _of_format,
    "pattern": _of_pattern,
    "minimum": _of_bound("the least"),
    "maximum": _of_bound("the most"),
    "minLength": _of_count("characters; the least"),
    "maxLength": _of_count("characters; the most"),
    "minItems": _of_count("items; the least"),
    "maxItems": _of_count("items; the most"),
    "maxProperties": _of_count("entries; the most"),
    "uniqueItems": _of_twice,
}
