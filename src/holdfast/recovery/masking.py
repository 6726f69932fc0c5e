"""Which columns of a copy are masked, and how. Pure: rules in, SQL expressions out.

A rule names a column as `database.schema.table.column`; `*` stands for any name. The rule that
stands last wins, so that an exception may follow what it is excepted from.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.core.change import Json
from holdfast.core.errors import Invalid

ACTIONS = ("keep", "null", "hash", "fake")
FAKES = ("name", "email", "phone", "city", "text", "number", "date")
UNLISTED = ("keep", "refuse")

_TEXT = frozenset({"text", "varchar", "bpchar", "citext", "name"})
_INTEGERS = {"int2": 15, "int4": 31, "int8": 63}
_DATES = frozenset({"date", "timestamp", "timestamptz"})
_NUMBERS = frozenset({*_INTEGERS, "numeric", "float4", "float8"})
_FIRST = (
    "Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gita", "Hugo",
    "Ines", "Jon", "Kaya", "Leo", "Mara", "Nils", "Olga", "Per",
)  # fmt: skip
_LAST = (
    "Abel", "Berg", "Costa", "Dahl", "Engel", "Frost", "Grau", "Holm",
    "Ito", "Jansen", "Kern", "Lund", "Moss", "Novak", "Olsen", "Price",
)  # fmt: skip
_CITIES = (
    "Alton", "Brook", "Corby", "Dover", "Elgin", "Frome", "Goole", "Hythe",
    "Ilford", "Jarrow", "Kendal", "Louth", "Malton", "Neston", "Otley", "Poole",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to the columns that a pattern names; `fake` says as what."""

    pattern: tuple[str, str, str, str]
    action: str
    fake: str = ""

    def fits(self, column: Column) -> bool:
        """Whether the rule speaks of this column."""
        return all(
            fnmatch.fnmatchcase(name, pattern)
            for name, pattern in zip(column.path, self.pattern, strict=True)
        )

    @property
    def is_exact(self) -> bool:
        """Whether it names one column, which then has to be there."""
        return not any(set("*?[") & set(part) for part in self.pattern)


@dataclass(frozen=True, slots=True)
class Masking:
    """All rules, and what becomes of a column that none speaks of."""

    rules: tuple[Rule, ...] = ()
    unlisted: str = "keep"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the catalog has it; `type` is the base type's own name, `length` of a varchar."""

    database: str
    schema: str
    table: str
    name: str
    type: str
    nullable: bool = True
    length: int | None = None
    generated: bool = False

    @property
    def path(self) -> tuple[str, str, str, str]:
        """Its four names."""
        return (self.database, self.schema, self.table, self.name)

    def __str__(self) -> str:
        return ".".join(self.path)


def masking_of(data: Mapping[str, Json]) -> Masking:
    """Read rules. Raises `Invalid` with every mistake."""
    mistakes: list[str] = []
    unknown = sorted(set(data) - {"columns", "unlisted"})
    if unknown:
        mistakes.append(f"{', '.join(unknown)} is no part of masking rules")
    unlisted = data.get("unlisted", "keep")
    if unlisted not in UNLISTED:
        mistakes.append(f"unlisted is {unlisted!r}, not one of {', '.join(UNLISTED)}")
    columns = data.get("columns", {})
    if not isinstance(columns, Mapping):
        mistakes.append("columns is no mapping of names to actions")
        columns = {}
    rules = []
    for name, action in columns.items():
        rule, mistake = _rule(str(name), action)
        mistakes += [mistake] if mistake else []
        rules += [rule] if rule else []
    if mistakes:
        raise Invalid(
            f"the masking rules are wrong: {'; '.join(mistakes)}",
            hint="write rules as `database.schema.table.column: hash`",
        )
    return Masking(tuple(rules), str(unlisted))


def _rule(name: str, action: Json) -> tuple[Rule | None, str]:
    parts = name.split(".")
    # A bare `null` in YAML is no text.
    word = "null" if action is None else str(action)
    kind, _, fake = word.partition(":")
    if len(parts) != 4 or not all(parts):
        return None, f"{name!r} is not database.schema.table.column"
    if kind not in ACTIONS:
        return None, f"{name} has {word!r}, not one of {', '.join(ACTIONS)}"
    if (fake or kind == "fake") and (kind != "fake" or fake not in FAKES):
        known = ", ".join(f"fake:{each}" for each in FAKES)
        return None, f"{name} has {word!r}, not one of {known}"
    return Rule((parts[0], parts[1], parts[2], parts[3]), kind, fake), ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What happens to one column."""

    column: Column
    rule: Rule

    @property
    def changes(self) -> bool:
        """Whether anything of it changes."""
        return self.rule.action != "keep"


def chosen(masking: Masking, columns: Sequence[Column]) -> list[Chosen]:
    """What happens to every column that changes. Raises `Invalid` with every mistake.

    A rule for a column that is not there is a mistake, and so is one that its type, or NOT NULL,
    does not allow: a copy that is only nearly masked would be worse than none.
    """
    mistakes = list(_absent(masking.rules, columns))
    found = []
    for column in columns:
        rule = next((each for each in reversed(masking.rules) if each.fits(column)), None)
        if rule is None:
            if masking.unlisted == "refuse":
                mistakes.append(f"no rule speaks of {column}")
            continue
        if mistake := fault(column, rule):
            mistakes.append(mistake)
        elif rule.action != "keep":
            found.append(Chosen(column, rule))
    if mistakes:
        more = f" and {len(mistakes) - 8} more" if len(mistakes) > 8 else ""
        raise Invalid(
            f"the masking rules do not fit the data: {'; '.join(mistakes[:8])}{more}",
            hint="correct the rules; the copy was not opened to anybody",
        )
    return found


def _absent(rules: Iterable[Rule], columns: Sequence[Column]) -> Iterable[str]:
    present = {column.path for column in columns}
    for rule in rules:
        if rule.is_exact and rule.pattern not in present:
            yield f"there is no column {'.'.join(rule.pattern)}"


def fault(column: Column, rule: Rule) -> str:
    """Why the rule cannot be followed for the column; empty when it can."""
    if rule.action == "keep":
        return ""
    if column.generated:
        return f"{column} is computed from others: mask those and keep it"
    if rule.action == "null":
        return "" if column.nullable else f"{column} may not be null"
    if rule.action == "hash":
        known = column.type in _TEXT | {"uuid", "bytea"} or column.type in _INTEGERS
        return "" if known else f"{column} of type {column.type} cannot be hashed"
    fits = {"number": _NUMBERS, "date": _DATES}.get(rule.fake, _TEXT)
    return "" if column.type in fits else f"{column} of type {column.type} cannot be {rule.fake}"


def expression(each: Chosen, name: str, salt: str) -> str:
    """The SQL of the new value; `name` and `salt` are SQL already: an identifier and a literal.

    Equal values become equal ones, in every column that is hashed: joins still meet.
    """
    digest = (
        f"encode(pg_catalog.sha256(pg_catalog.convert_to({salt} || ({name})::text, 'UTF8')), 'hex')"
    )
    number = f"('x' || substr({digest}, 1, 15))::bit(60)::bigint"
    if each.rule.action == "null":
        return "null"
    if each.rule.action == "hash":
        value = _hashed(each.column, digest, number)
    else:
        value = _faked(each, digest, number)
    return f"case when {name} is null then null else {value} end"


def _hashed(column: Column, digest: str, number: str) -> str:
    if column.type == "uuid":
        return f"substr({digest}, 1, 32)::uuid"
    if column.type == "bytea":
        return f"decode({digest}, 'hex')"
    if column.type in _INTEGERS:
        return f"(({number}) & {2 ** min(_INTEGERS[column.type], 60) - 1})::{column.type}"
    return _cut(column, digest)


def _faked(each: Chosen, digest: str, number: str) -> str:
    column = each.column
    pick = {
        "name": f"{_one(_FIRST, digest, 1)} || ' ' || {_one(_LAST, digest, 3)}",
        "city": _one(_CITIES, digest, 1),
        "email": f"'user-' || substr({digest}, 1, 12) || '@example.org'",
        "phone": f"'+999' || (({number}) % 1000000000)",
        "text": f"'text ' || substr({digest}, 1, 8)",
    }
    if each.rule.fake == "number":
        return f"(({number}) % 10000)::{column.type}"
    if each.rule.fake == "date":
        return f"(date '1950-01-01' + (({number}) % 20000)::int)::{column.type}"
    return _cut(column, pick[each.rule.fake])


def _one(words: Sequence[str], digest: str, place: int) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"(array[{listed}])[1 + ('x' || substr({digest}, {place}, 1))::bit(4)::int]"


def _cut(column: Column, value: str) -> str:
    return f"({value})" if column.length is None else f"left({value}, {column.length})"
