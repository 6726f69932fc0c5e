"""A migration taken apart into its safe sequence, in the convention of its own tool.

Each statement that has a safe form gives way to it, and every statement of that form gets a
migration of its own: what makes it safe is that it does not share a transaction. The result is
simulated beside the original; it counts only when the catalog at the end is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.core.finding import Finding
from holdfast.schema.catalog.catalog import Catalog, Key
from holdfast.schema.catalog.objects import Fact, replace
from holdfast.schema.migration import Direction, Migration
from holdfast.schema.parse import Broken, parsed
from holdfast.schema.reading.grouping import History
from holdfast.schema.reading.split import statements
from holdfast.schema.report import Options
from holdfast.schema.simulation import Simulation

_ALONE = re.compile(
    r"(?:(?:create|drop)\s+(?:unique\s+)?index\s+concurrently\b|reindex\b[^;]*\bconcurrently\b"
    r"|alter\s+table\b[^;]*\bdetach\s+partition\b[^;]*\bconcurrently\b|vacuum\b)",
    re.IGNORECASE,
)
_WEIGHT = {"error": 0, "warning": 1, "notice": 2}
_SETTING = re.compile(r"set\b", re.IGNORECASE)
_VERSION = re.compile(r"(?P<before>\D*?)(?P<version>\d[\d.\-]*(?:_\d+)*)(?P<rest>_.*|\..*|)$")


@dataclass(frozen=True, slots=True)
class Part:
    """Statements that share a file; `alone` when they must not be in a transaction."""

    statements: tuple[str, ...]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Fixed:
    """What becomes of a migration: new texts by path, and why nothing does."""

    migration: Migration
    files: Mapping[str, str]
    rules: tuple[str, ...] = ()
    refused: str = ""


def parts(migration: Migration, safe: Mapping[tuple[int, int], str]) -> list[Part]:
    """The migration as a sequence; `safe` has the safe form by line and column."""
    result: list[Part] = []
    is_open = False
    for batch in migration.batches:
        for fragment in batch.fragments:
            form = safe.get((fragment.line, fragment.column))
            if form is not None:
                result += _sequence(form)
                is_open = False
            elif is_open and batch.transaction and not _ALONE.match(fragment.sql):
                result[-1] = Part((*result[-1].statements, fragment.sql))
            else:
                alone = _ALONE.match(fragment.sql) is not None
                result.append(Part((fragment.sql,), alone))
                is_open = not alone
        is_open = is_open and batch.transaction
    return result


def _sequence(form: str) -> list[Part]:
    found: list[Part] = []
    waiting: tuple[str, ...] = ()
    for each in statements(form):
        if _SETTING.match(each.sql):
            waiting = (*waiting, each.sql)  # for what comes next, in its session
            continue
        alone = _ALONE.match(each.sql) is not None
        found.append(Part((*(() if alone else waiting), each.sql), alone))
        waiting = ()
    return found


def safe_forms(
    findings: Iterable[Finding], path: str
) -> tuple[dict[tuple[int, int], str], set[str]]:
    """The safe form of each statement of a file that has one, and the rules that gave them.

    Of several the one against the worst counts; two different ones against equals leave the choice
    to a person.
    """
    every: dict[tuple[int, int], dict[str, list[Finding]]] = {}
    for one in findings:
        text = str(one.evidence.get("safe") or "")
        if one.location is not None and one.location.file == path and _is_sql(text):
            place = (one.location.line, one.location.column)
            every.setdefault(place, {}).setdefault(text, []).append(one)
    chosen: dict[tuple[int, int], str] = {}
    rules: set[str] = set()
    for place, forms in every.items():
        weights = {text: min(_WEIGHT[one.severity] for one in by) for text, by in forms.items()}
        best = [text for text, weight in weights.items() if weight == min(weights.values())]
        if len(best) == 1:
            chosen[place] = best[0]
            rules |= {one.id for one in forms[best[0]]}
    return chosen, rules


def _is_sql(text: str) -> bool:
    if not text or "…" in text or "..." in text:
        return False
    try:
        return bool(parsed(text))
    except Broken:
        return False


# -- the convention of each tool ----------------------------------------------------------------

Writer = Callable[[Migration, Sequence[Part], str], Mapping[str, str]]


def _lines(part: Part) -> str:
    return "".join(f"{each};\n" for each in part.statements)


def _name(path: str, place: int, *, inner: bool = False) -> str:
    """The path of the part at `place`: the first keeps the file's own, the others come after it."""
    if place == 0:
        return path
    folder, _, name = path.rpartition("/")
    found = _VERSION.match(name)
    assert found is not None
    version, rest = found["version"], found["rest"]
    if inner:
        version += f".{place}"
    else:
        last = re.search(r"\d+$", version)
        assert last is not None
        version = version[: last.start()] + str(int(last[0]) + place).zfill(len(last[0]))
    title, dot, suffix = rest.partition(".")
    return f"{folder}/{found['before']}{version}{title}_{place + 1}{dot}{suffix}".lstrip("/")


def _sql(one: Migration, every: Sequence[Part], down: str) -> Mapping[str, str]:
    del down
    stem = one.path[: -len(".sql")]
    return {
        one.path if place == 0 else f"{stem}_{place + 1}.sql": _block(part)
        for place, part in enumerate(every)
    }


def _block(part: Part) -> str:
    """With a transaction of its own, where a setting is meant for that alone."""
    is_local = any(each.lower().startswith("set local") for each in part.statements)
    return f"BEGIN;\n{_lines(part)}COMMIT;\n" if is_local else _lines(part)


def _flyway(one: Migration, every: Sequence[Part], down: str) -> Mapping[str, str]:
    del down
    return {_name(one.path, place, inner=True): _lines(part) for place, part in enumerate(every)}


def _pairs(one: Migration, every: Sequence[Part], down: str) -> Mapping[str, str]:
    """Files `.up.sql` and `.down.sql`: the last part's way back is that of the whole."""
    files = {}
    for place, part in enumerate(every):
        path = _name(one.path, place)
        mark = "-- no-transaction\n" if part.alone and one.text.startswith("-- no-tr") else ""
        files[path] = mark + _lines(part)
        if path.endswith(".up.sql"):
            back = down if place == len(every) - 1 else _NO_WAY_BACK
            files[f"{path[: -len('.up.sql')]}.down.sql"] = back
    return files


_NO_WAY_BACK = "-- Nothing: the last migration of this sequence undoes all of it.\nSELECT 1;\n"


def _sqlx(one: Migration, every: Sequence[Part], down: str) -> Mapping[str, str]:
    files = dict(_pairs(one, every, down))
    for place, part in enumerate(every):
        path = _name(one.path, place)
        files[path] = ("-- no-transaction\n" if part.alone else "") + _lines(part)
    return files


def _goose(one: Migration, every: Sequence[Part], down: str) -> Mapping[str, str]:
    files = {}
    for place, part in enumerate(every):
        back = down if place == len(every) - 1 else ""
        alone = part.alone or _holds_alone(back)
        text = "-- +goose NO TRANSACTION\n" if alone else ""
        text += "-- +goose Up\n" + "".join(map(_goose_statement, part.statements))
        cut = "".join(_goose_statement(each.sql) for each in statements(back))
        files[_name(one.path, place)] = f"{text}\n-- +goose Down\n{cut}"
    return files


def _goose_statement(sql: str) -> str:
    if ";" not in sql:
        return f"{sql};\n"
    return f"-- +goose StatementBegin\n{sql};\n-- +goose StatementEnd\n"


def _holds_alone(text: str) -> bool:
    return any(_ALONE.match(each.sql) for each in statements(text))


def _dbmate(one: Migration, every: Sequence[Part], down: str) -> Mapping[str, str]:
    files = {}
    for place, part in enumerate(every):
        back = down if place == len(every) - 1 else ""
        how = " transaction:false"
        text = f"-- migrate:up{how if part.alone else ''}\n{_lines(part)}\n"
        text += f"-- migrate:down{how if _holds_alone(back) else ''}\n{back}"
        files[_name(one.path, place)] = text
    return files


def _folders(one: Migration, every: Sequence[Part], down: str) -> Mapping[str, str]:
    """Prisma and Diesel: a folder for each migration."""
    folder, _, name = one.path.rpartition("/")
    files = {}
    for place, part in enumerate(every):
        here = _name(folder, place)
        files[f"{here}/{name}"] = _lines(part)
        if name == "up.sql":
            files[f"{here}/down.sql"] = down if place == len(every) - 1 else _NO_WAY_BACK
            if part.alone:
                files[f"{here}/metadata.toml"] = "run_in_transaction = false\n"
    return files


WRITERS: Mapping[str, Writer] = {
    "sql": _sql, "flyway": _flyway, "golang-migrate": _pairs, "sqlx": _sqlx, "goose": _goose,
    "dbmate": _dbmate, "prisma": _folders, "diesel": _folders,
}  # fmt: skip
"""Tools in whose convention a sequence can be written."""


def fixed(history: History, findings: Sequence[Finding], chosen: Iterable[str]) -> list[Fixed]:
    """What each of the chosen files would become; those without a safe form are left out."""
    downs = {
        (one.version, one.path.rpartition("/")[0]): one
        for one in history.migrations
        if one.direction is Direction.DOWN
    }
    wanted = set(chosen)
    result = []
    for one in history.migrations:
        if one.path not in wanted or one.direction is Direction.DOWN:
            continue
        safe, rules = safe_forms(findings, one.path)
        if not safe:
            continue
        writer = WRITERS.get(history.tool.id)
        if writer is None or one.direction is Direction.REPEATABLE:
            why = f"no sequence is written for {history.tool.title}"
            result.append(Fixed(one, {}, refused=why))
            continue
        back = downs.get((one.version, one.path.rpartition("/")[0]))
        down = "" if back is None else _text(back)
        result.append(Fixed(one, writer(one, parts(one, safe), down), tuple(sorted(rules))))
    return result


def _text(one: Migration) -> str:
    return "".join(f"{each.sql};\n" for batch in one.batches for each in batch.fragments)


@dataclass(frozen=True, slots=True)
class End:
    """What is there after a history, without who made it and when; what was found on the way.

    `failed` are files with a statement that PostgreSQL refuses.
    """

    facts: Mapping[Key, Fact]
    findings: tuple[Finding, ...]
    failed: frozenset[str]


def end(migrations: Iterable[Migration], facts: Catalog, options: Options) -> End:
    """The history simulated to its end."""
    simulation = Simulation(facts, options)
    for one in migrations:
        if one.direction is not Direction.DOWN:
            simulation.run(one)
    known = simulation.world.facts
    report = simulation.report()
    return End(
        {key: _timeless(fact) for key, fact in known.items() if fact is not None},
        report.findings,
        frozenset(one.path for one in report.statements if one.effects.error),
    )


def _timeless(fact: Fact) -> Fact:
    plain = {name: 0 for name in ("born", "migration") if hasattr(fact, name)}
    return replace(fact, **plain) if plain else fact


def difference(before: Mapping[Key, Fact], after: Mapping[Key, Fact]) -> list[str]:
    """Names of what is not the same in both."""
    keys = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    return sorted(f"{key.space} {key.name}" for key in keys)
