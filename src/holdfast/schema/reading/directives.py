"""Comments that are meant for us: `-- holdfast: ignore RULE until=2027-01-01 because REASON`.

One that stands on a line of its own is about the next statement, one inside a statement or behind
it about that one; `ignore-file` is about the whole file. Without a reason, or past its date, it has
no effect and is a finding itself; so is one that hides nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from holdfast.core.finding import Finding
from holdfast.schema.reading.problems import problem

SIGN = "holdfast:"
_COMMENT = re.compile(r"(?:--|#|//)[ \t]*holdfast:[ \t]*([^\n\r]*)")
_WORDS = re.compile(r"(ignore|ignore-file)[ \t]+(.*)$")
_UNTIL = re.compile(r"\buntil=(\S+)")
_BECAUSE = re.compile(r"\bbecause\b[ \t:]*(.*)$")


@dataclass(frozen=True, slots=True)
class Ignore:
    """An exception: these rules, for the statement that begins at `target` (0: the whole file)."""

    rules: frozenset[str]
    line: int
    column: int
    target: int
    until: date | None
    reason: str


def ignores(
    path: str,
    text: str,
    starts: Sequence[int],
    is_rule: Callable[[str], bool],
) -> tuple[list[Ignore], list[Finding]]:
    """The exceptions in a file and what is wrong with them.

    `starts` are the first lines of its statements, in order.
    """
    found: list[Ignore] = []
    wrong: list[Finding] = []
    for comment in _COMMENT.finditer(text):
        line = text.count("\n", 0, comment.start()) + 1
        begin = text.rfind("\n", 0, comment.start()) + 1
        place = (line, comment.start() - begin + 1)
        alone = not text[begin : comment.start()].strip()
        made = _ignore(comment[1].strip(), place, _target(starts, line, alone=alone), is_rule)
        if isinstance(made, str):
            wrong.append(problem("schema.bad_ignore", made, path, *place))
        else:
            found.append(made)
    return found, wrong


def _target(starts: Sequence[int], line: int, *, alone: bool) -> int:
    """The first line of the statement that is meant; -1 where there is none."""
    after = bisect_left(starts, line)
    if alone:
        return starts[after] if after < len(starts) else -1
    if after < len(starts) and starts[after] == line:
        return line
    return starts[after - 1] if after else -1


def _ignore(
    words: str, place: tuple[int, int], target: int, is_rule: Callable[[str], bool]
) -> Ignore | str:
    parsed = _WORDS.match(words)
    if parsed is None:
        return f"not understood: {words!r}"
    rest = parsed[2]
    because = _BECAUSE.search(rest)
    if because is None or not because[1].strip():
        return "no reason is given"
    rest = rest[: because.start()]
    until = _UNTIL.search(rest)
    day: date | None = None
    if until is not None:
        try:
            day = date.fromisoformat(until[1])
        except ValueError:
            return f"{until[1]!r} is no date"
        rest = rest[: until.start()] + rest[until.end() :]
    names = frozenset(rule_id(name) for name in re.split(r"[\s,]+", rest.strip()) if name)
    if not names:
        return "no rule is named"
    if unknown := sorted(name for name in names if not is_rule(name)):
        return f"there is no rule {unknown[0]}"
    where = 0 if parsed[1] == "ignore-file" else target
    return Ignore(names, *place, where, day, because[1].strip())


def rule_id(name: str) -> str:
    """A rule's id, whichever way somebody wrote its name."""
    bare = name.strip().lower().replace("-", "_")
    return bare if bare.startswith("schema.") else f"schema.{bare}"


@dataclass(frozen=True, slots=True)
class Applied:
    """What is left of the findings, how many were hidden, and what the comments themselves are."""

    findings: tuple[Finding, ...]
    hidden: int
    complaints: tuple[Finding, ...]


def applied(
    findings: Iterable[Finding],
    known: Mapping[str, Sequence[Ignore]],
    start_of: Callable[[Finding], int],
    today: date,
) -> Applied:
    """Findings without those that a comment hides.

    `known` has the exceptions by file, `start_of` the first line of a finding's statement.
    """
    used: set[tuple[str, Ignore]] = set()
    left = []
    hidden = 0
    for finding in findings:
        path = finding.location.file if finding.location else ""
        line = start_of(finding) if path in known else 0
        match = [
            one
            for one in known.get(path, ())
            if finding.id in one.rules and one.target in (0, line)
        ]
        used.update((path, one) for one in match)
        if any(one.until is None or one.until >= today for one in match):
            hidden += 1
        else:
            left.append(finding)
    complaints = [
        complaint
        for path, every in known.items()
        for one in every
        if (complaint := _complaint(path, one, today, used=(path, one) in used)) is not None
    ]
    return Applied(tuple(left), hidden, tuple(complaints))


def _complaint(path: str, one: Ignore, today: date, *, used: bool) -> Finding | None:
    names = ", ".join(sorted(one.rules))
    if one.until is not None and one.until < today:
        said = f"the exception from {names} ended on {one.until}"
        return problem("schema.expired_ignore", said, path, one.line, one.column)
    if not used:
        said = f"nothing is left that this exception from {names} would hide"
        return problem("schema.unused_ignore", said, path, one.line, one.column)
    return None
