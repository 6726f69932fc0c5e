"""What readers have in common: a migration from a text, versions in order, what is there twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from holdfast.core.finding import Finding
from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.reading.files import File
from holdfast.schema.reading.placeholders import settled
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import PLAIN, Dialect, statements

_CONTROL = re.compile(
    r"(?:begin|start\s+transaction|commit|end|rollback|abort|savepoint|release)\b", re.IGNORECASE
)


def whole(
    file: File,
    *,
    version: str = "",
    title: str = "",
    direction: Direction = Direction.UP,
    transaction: bool = True,
    dialect: Dialect = PLAIN,
) -> Migration:
    """All of a file as one batch."""
    fragments = tuple(statements(settled(file.text), dialect))
    return made(file, (Batch(fragments, transaction),), version, title, direction)


def made(
    file: File,
    batches: Iterable[Batch],
    version: str,
    title: str = "",
    direction: Direction = Direction.UP,
    findings: Sequence[Finding] = (),
) -> Migration:
    """A migration of this file; batches without a statement are left out."""
    return Migration(
        path=file.path,
        version=version or file.name,
        title=title or file.name,
        direction=direction,
        batches=tuple(batch for batch in batches if batch.fragments),
        text=file.text,
        findings=(*file.findings, *findings),
    )


def sent_at_once(fragments: tuple[Fragment, ...]) -> Batch:
    """Statements that a tool sends as one string.

    PostgreSQL runs such a string as one transaction, unless it has one statement only or begins
    and ends transactions itself (its documentation of the simple query protocol).
    """
    own = any(_CONTROL.match(fragment.sql) for fragment in fragments)
    return Batch(fragments, transaction=len(fragments) > 1 and not own)


def parts(marks: Sequence[re.Match[str]], end: int) -> list[tuple[re.Match[str], int]]:
    """Each mark with where its part ends: at the next mark, the last one at `end`."""
    ends = [mark.start() for mark in marks[1:]] + [end]
    return list(zip(marks, ends, strict=False))


def number(version: str) -> tuple[int, str]:
    """Versions that are numbers in their order; what is no number comes first."""
    return (int(version), "") if version.isdecimal() else (-1, version)


def in_order(
    migrations: Iterable[Migration], key: Callable[[str], object] = number
) -> list[Migration]:
    """By version, an up before its down, repeatable ones at the end."""
    places = {Direction.UP: 0, Direction.DOWN: 1, Direction.REPEATABLE: 2}

    def place(one: Migration) -> tuple[bool, object, int, str]:
        late = one.direction is Direction.REPEATABLE
        return late, one.title if late else key(one.version), places[one.direction], one.path

    return sorted(migrations, key=place)


def without_twins(
    migrations: Sequence[Migration], key: Callable[[str], object] = number
) -> list[Migration]:
    """The same migrations; the later of two with one version says so."""
    first: dict[tuple[object, Direction], Migration] = {}
    result = []
    for one in migrations:
        known = first.setdefault((key(one.version), one.direction), one)
        if known is one or one.direction is Direction.REPEATABLE:
            result.append(one)
            continue
        found = problem(
            "schema.duplicate_version",
            f"version {one.version} is also that of {known.path}",
            one.path,
            version=one.version,
            other=known.path,
        )
        result.append(replace(one, findings=(*one.findings, found)))
    return result


def with_ways_back(migrations: Sequence[Migration]) -> list[Migration]:
    """The same migrations; where some have a down, one without says so, and the other way round."""
    downs = {one.version for one in migrations if one.direction is Direction.DOWN}
    ups = {one.version for one in migrations if one.direction is Direction.UP}
    result = []
    for one in migrations:
        found: tuple[Finding, ...] = ()
        if any(each.id == "schema.bad_name" for each in one.findings):
            pass  # nobody knows which way it goes
        elif one.direction is Direction.UP and downs and one.version not in downs:
            found = (problem("schema.missing_down", "there is no down migration", one.path),)
        elif one.direction is Direction.DOWN and one.version not in ups:
            said = f"there is no up migration of version {one.version}"
            found = (problem("schema.missing_up", said, one.path),)
        result.append(replace(one, findings=(*one.findings, *found)) if found else one)
    return result
