"""Hold the data of one document against the fields of its kind; every mistake is a sentence.

The checking is JSON Schema's, so that editors and the platform agree; the words are ours.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from holdfast.core.change import Json
from holdfast.spec.document import Path, path_text
from holdfast.spec.formats import Formats
from holdfast.spec.kinds import KINDS
from holdfast.spec.sentences import Broken, Sentence, sentence
from holdfast.spec.suggest import listing, nearest, show

_NOT_YET = ("mariadb", "redis")
# When a value breaks several rules, the first of these says what matters.
_WEIGHT = ("type", "format", "pattern", "enum")


def mistakes(kind: str, data: Mapping[str, Any]) -> Iterator[tuple[Path, bool, Sentence]]:
    """Path, whether it is about the key itself, and what to say; for each mistake in the data."""
    fields = {name: value for name, value in data.items() if name not in ("apiVersion", "kind")}
    of_values: dict[Path, Broken] = {}
    of_objects: dict[tuple[Path, str], Broken] = {}
    for path, broken in _broken(kind, fields):
        if broken.rule in ("additionalProperties", "required"):
            of_objects[path, broken.rule] = broken
        elif path not in of_values or _weight(broken.rule) < _weight(of_values[path].rule):
            of_values[path] = broken
    for (path, rule), broken in of_objects.items():
        if rule == "additionalProperties":
            yield from _unknown_fields(path, broken)
        else:
            yield from _missing_fields(path, broken)
    for path, broken in of_values.items():
        yield path, broken.about_key, _of_value(path, broken)


def _broken(kind: str, fields: Mapping[str, Any]) -> Iterator[tuple[Path, Broken]]:
    error: Any
    for error in _validator(kind).iter_errors(fields):
        about_key = "propertyNames" in error.relative_schema_path
        path: Path = tuple(error.absolute_path)
        if about_key:
            path = (*path, str(error.instance))
        yield (
            path,
            Broken(
                rule=str(error.validator),
                value=error.instance,
                allowed=error.validator_value,
                field=error.schema if isinstance(error.schema, dict) else {},
                reason=error.message,
                about_key=about_key,
            ),
        )


def _weight(rule: str) -> int:
    return _WEIGHT.index(rule) if rule in _WEIGHT else len(_WEIGHT)


@functools.cache
def _validator(kind: str) -> Any:
    # An unquoted 15.0 is no major version, so only a whole number is an integer here.
    types = Draft7Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    rules = {"pattern": _pattern, "uniqueItems": _unique_items}
    validator: Any = extend(Draft7Validator, rules, type_checker=types)  # type: ignore[no-untyped-call]
    return validator(KINDS[kind], format_checker=Formats(()))


def _pattern(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    """The whole text: Python's `$` alone would let a last line end pass."""
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError("pattern")


def _unique_items(_: object, wanted: bool, items: object, __: object) -> Iterator[ValidationError]:
    """In one pass; the library's own compares every pair."""
    if wanted and isinstance(items, list):
        texts = [item for item in items if isinstance(item, str)]
        if len(texts) != len(set(texts)):
            yield ValidationError("uniqueItems")


def _unknown_fields(path: Path, broken: Broken) -> Iterator[tuple[Path, bool, Sentence]]:
    known = list(broken.field["properties"])
    where = f" in {path_text(path)}" if path else ""
    for name in broken.value:
        if name in known:
            continue
        close = nearest(name, known)
        allowed = f"allowed are {listing(known)}"
        hint = f"did you mean {close!r}?" if close else "remove it"
        message = f"there is no field {show(name)}{where}; {allowed}"
        yield (*path, name), True, Sentence("unknown-field", message, hint)


def _missing_fields(path: Path, broken: Broken) -> Iterator[tuple[Path, bool, Sentence]]:
    unknown = [name for name in broken.value if name not in broken.field["properties"]]
    wanted = list(broken.field["properties"])
    misspelt = {nearest(name, wanted) for name in unknown[:100]}
    for name in broken.allowed:
        if name in broken.value or name in misspelt:
            continue  # what was misspelt is reported where it stands
        field = broken.field["properties"][name]
        where = path_text((*path, name))
        yield path, False, Sentence("missing-field", f"{where} is missing", _example(name, field))


def _example(name: str, field: Mapping[str, Json]) -> str:
    if "enum" in field:
        return f"add `{name}:` with one of {listing(field['enum'])}"
    examples: Iterable[Json] = field.get("examples", ())
    return next((f"add it, for example `{name}: {each}`" for each in examples), f"add `{name}:`")


def _of_value(path: Path, broken: Broken) -> Sentence:
    if path == ("engine",) and broken.value in _NOT_YET:
        message = f"engine {broken.value} is not supported yet; allowed is postgresql"
        return Sentence("not-supported-yet", message, "write `engine: postgresql`")
    return sentence(path_text(path), broken)
