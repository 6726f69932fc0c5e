"""Liquibase: formatted SQL, changeset by changeset.

A changeset is one transaction unless it says `runInTransaction:false`; then each statement is one
of its own. Changelogs in XML, YAML and JSON describe changes whose SQL only Liquibase makes: they
are named, not read, unless its own program is asked to print it (`--run-tool`).
"""

from __future__ import annotations

import re

from holdfast.core.finding import Finding
from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.reading.files import File, Folder, Group
from holdfast.schema.reading.making import made, parts
from holdfast.schema.reading.placeholders import settled
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import Lines, statements

TITLE = "Liquibase"
RANK = 5

_HEADER = re.compile(r"--[ \t]*liquibase formatted sql", re.IGNORECASE)
_CHANGELOG = re.compile(r".*changelog.*\.(?:xml|ya?ml|json)$", re.IGNORECASE)
_CHANGESET = re.compile(
    r"^[ \t]*--[ \t]*changeset[ \t]+(\"[^\"]*\"|[^\s:]+):(\"[^\"]*\"|\S+)([^\n]*)$",
    re.MULTILINE | re.IGNORECASE,
)
_ALMOST = re.compile(r"^[ \t]*--[ \t]*changeset\b[^\n]*$", re.MULTILINE | re.IGNORECASE)
_ROLLBACK = re.compile(r"^[ \t]*--[ \t]*rollback\b[ \t]*([^\n]*)$", re.MULTILINE | re.IGNORECASE)
_ATTRIBUTE = re.compile(r"(\w+):(\"[^\"]*\"|\S+)")


def claims(folder: Folder) -> bool:
    """The header of a formatted file, or a file that is named changelog."""
    return "liquibase formatted sql" in folder.marks or folder.has_like(_CHANGELOG)


def read(group: Group) -> list[Migration]:
    """File by file; the changesets of a file in their order."""
    result: list[Migration] = []
    seen: dict[tuple[str, str, str], str] = {}
    for file in sorted(group.files, key=lambda one: one.path):
        if _CHANGELOG.match(file.name):
            if '"includeAll"' not in file.text and not _only_includes(file.text):
                said = f"{file.name} is no SQL; Liquibase makes it from the changelog"
                found = problem("schema.unseen", said, file.path)
                result.append(made(file, (), file.name, findings=[found]))
        elif file.name.lower().endswith(".sql"):
            result += _migrations(file, seen)
    return result


def _only_includes(text: str) -> bool:
    has_changes = re.search(r"<changeSet\b|\bchangeSet\s*:|\"changeSet\"", text)
    return has_changes is None


def _migrations(file: File, seen: dict[tuple[str, str, str], str]) -> list[Migration]:
    if not _HEADER.match(file.text.lstrip("\ufeff").lstrip()):
        if not file.text.strip():
            return []
        batch = Batch(tuple(statements(settled(file.text, braces=False))), transaction=True)
        return [made(file, (batch,), file.name)]
    text, lines = settled(file.text, braces=False), Lines(file.text)
    sets = list(_CHANGESET.finditer(text))
    findings = _broken(file, sets, lines)
    result = []
    for one, end in parts(sets, len(text)):
        author, name = one[1].strip('"'), one[2].strip('"')
        key = (file.path, author, name)
        if key in seen:
            said = f"changeset {author}:{name} is also at {seen[key]}"
            place = lines.place(one.start())
            findings.append(problem("schema.duplicate_version", said, file.path, *place))
        seen.setdefault(key, f"line {lines.place(one.start())[0]}")
        result += _changeset(file, text, one, end, f"{author}:{name}", findings)
        findings = []
    return result or [made(file, (), file.name, findings=findings)]


def _broken(file: File, sets: list[re.Match[str]], lines: Lines) -> list[Finding]:
    known = {one.start() for one in sets}
    wrong = [one for one in _ALMOST.finditer(file.text) if one.start() not in known]
    said = "a changeset is written `--changeset author:id`"
    return [problem("schema.bad_header", said, file.path, *lines.place(w.start())) for w in wrong]


def _changeset(
    file: File, text: str, head: re.Match[str], end: int, name: str, findings: list[Finding]
) -> list[Migration]:
    attributes = {key.lower(): value.strip('"') for key, value in _ATTRIBUTE.findall(head[3])}
    if _is_for_others(attributes.get("dbms", "")):
        return []
    body = text[: head.end()] + _delimited(text[head.end() : end], attributes.get("enddelimiter"))
    fragments = tuple(statements(body, start=head.end(), end=end))
    transaction = attributes.get("runintransaction", "true").lower() != "false"
    up = made(file, (Batch(fragments, transaction),), name, name, findings=findings)
    back = _rollback(text, head.end(), end)
    if not back:
        return [up]
    batch = Batch(back, transaction)
    return [up, made(file, (batch,), name, name, Direction.DOWN)]


def _is_for_others(dbms: str) -> bool:
    names = [each.strip() for each in dbms.split(",") if each.strip()]
    wanted = [each for each in names if not each.startswith("!")]
    return "!postgresql" in names or bool(wanted and "postgresql" not in wanted)


def _delimited(body: str, delimiter: str | None) -> str:
    """The body with semicolons where its own delimiter stands."""
    if delimiter in (None, ";", "\\n;"):
        return body
    assert delimiter is not None
    sign = delimiter.removeprefix("\\n")
    pattern = re.compile(rf"^[ \t]*{re.escape(sign)}[ \t]*$", re.MULTILINE | re.IGNORECASE)
    return pattern.sub(lambda found: ";".ljust(len(found[0])), body)


def _rollback(text: str, start: int, end: int) -> tuple[Fragment, ...]:
    result: list[Fragment] = []
    for found in _ROLLBACK.finditer(text, start, end):
        sql = found[1].strip()
        if sql and not re.match(r"(?:not required|empty)\b", sql, re.IGNORECASE):
            result += statements(text, start=found.start(1), end=found.end(1))
    return tuple(result)
