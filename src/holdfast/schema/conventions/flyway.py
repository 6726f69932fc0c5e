"""Flyway: `V1.2__title.sql`, `U1.2__title.sql`, `R__title.sql`.

A script is one transaction. It is none when a statement in it cannot be in one, or when its script
configuration (`<name>.conf`) or the project's says `executeInTransaction=false`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from holdfast.schema.migration import Batch, Direction, Fragment, Migration
from holdfast.schema.reading.files import File, Folder, Group
from holdfast.schema.reading.making import in_order, made, with_ways_back, without_twins
from holdfast.schema.reading.placeholders import settled
from holdfast.schema.reading.problems import problem
from holdfast.schema.reading.split import statements

TITLE = "Flyway"
RANK = 50

_NAME = re.compile(r"(?:[VUB]\d[\d._]*|R)__.+\.sql$", re.IGNORECASE)
_CONFIGURATION = ("flyway.toml", "flyway.conf", "flyway.user.toml")
_DIRECTIONS = {"V": Direction.UP, "U": Direction.DOWN, "R": Direction.REPEATABLE}
# What Flyway's PostgreSQL support takes out of the transaction by itself.
_SETTING = re.compile(r"(?:set|reset|show)\b", re.IGNORECASE)
_ALONE = re.compile(
    r"(?:(?:create|drop)\s+(?:database|tablespace|subscription)\b"
    r"|(?:create|drop)\s+(?:unique\s+)?index\s+concurrently\b"
    r"|alter\s+system\b|discard\s+all\b|vacuum\b"
    r"|reindex\s+(?:\([^)]*\)\s*)?(?:verbose\s+)?(?:schema|database|system)\b"
    r"|reindex\b[^;]*\bconcurrently\b)",
    re.IGNORECASE,
)


def claims(folder: Folder) -> bool:
    """Two underscores in the name; a versioned one, or repeatable ones and a configuration."""
    if any(name in folder.names for name in _CONFIGURATION) and folder.sql:
        return True
    return folder.has_like(_NAME)


def root(folder: Folder) -> str:
    """Folders below a location belong to it: Flyway looks into all of them."""
    parts = folder.path.split("/")
    for place in range(len(parts) - 1, 0, -1):
        if parts[place - 1 : place + 1] == ["db", "migration"]:
            return "/".join(parts[: place + 1])
    return folder.path


def read(group: Group) -> list[Migration]:
    """Versioned migrations by version, then the repeatable ones by title."""
    settings = _settings(group)
    texts = {file.path: file.text for file in group.files}
    result: list[Migration] = []
    for file in group.files:
        if not file.name.lower().endswith(".sql") or _is_callback(file.name, settings):
            continue
        parsed = _parsed(file.name, settings)
        if parsed is None:
            said = f"{file.name} is neither PREFIX, version, __, title nor a callback"
            result.append(_skipped(file, said))
            continue
        result.append(_migration(file, *parsed, settings, texts.get(f"{file.path}.conf", "")))
    return with_ways_back(without_twins(in_order(result, _version), _version))


def _skipped(file: File, said: str) -> Migration:
    return made(file, (), "", findings=[problem("schema.bad_name", said, file.path)])


def _migration(
    file: File,
    direction: Direction,
    version: str,
    title: str,
    settings: Mapping[str, str],
    script: str,
) -> Migration:
    own = {**settings, **_properties(script)}
    values = {
        name.removeprefix("placeholders."): value
        for name, value in own.items()
        if name.startswith("placeholders.")
    }
    replaces = own.get("placeholderreplacement", "true") != "false"
    text = settled(file.text, values, braces=False) if replaces else file.text
    fragments = tuple(statements(text))
    alone = [fragment for fragment in fragments if _ALONE.match(fragment.sql)]
    wanted = own.get("executeintransaction", "true") != "false"
    findings = []
    if wanted and alone and len(alone) < len(_weighty(fragments)) and own.get("mixed") != "true":
        findings.append(_mixed(file, alone[0]))
    batch = Batch(fragments, transaction=wanted and not alone)
    return made(file, (batch,), version, title, direction, findings)


def _weighty(fragments: tuple[Fragment, ...]) -> list[Fragment]:
    """Without statements that Flyway does not count, such as SET."""
    return [one for one in fragments if not _SETTING.match(one.sql)]


def _mixed(file: File, alone: Fragment) -> Any:
    said = "this statement cannot run in a transaction, and others in the file run in one"
    return problem("schema.mixed_transaction", said, file.path, alone.line, alone.column)


def _parsed(name: str, settings: Mapping[str, str]) -> tuple[Direction, str, str] | None:
    separator = settings.get("sqlmigrationseparator", "__")
    stem = name[:-4]
    head, found, title = stem.partition(separator)
    prefixes = {
        settings.get("sqlmigrationprefix", "V"): Direction.UP,
        settings.get("undosqlmigrationprefix", "U"): Direction.DOWN,
        settings.get("baselinemigrationprefix", "B"): Direction.UP,
    }
    if head == settings.get("repeatablesqlmigrationprefix", "R") and found:
        return Direction.REPEATABLE, "", title.replace("_", " ")
    for prefix, direction in prefixes.items():
        version = head.removeprefix(prefix)
        if found and version != head and re.fullmatch(r"\d+(?:[._]\d+)*", version):
            return direction, version.replace("_", "."), title.replace("_", " ")
    return None


def _is_callback(name: str, settings: Mapping[str, str]) -> bool:
    separator = settings.get("sqlmigrationseparator", "__")
    return bool(re.match(r"(?:before|after|create|on)[A-Z]\w*", name.partition(separator)[0]))


def _version(version: str) -> tuple[int, ...]:
    numbers = [int(part) if part.isdecimal() else -1 for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _settings(group: Group) -> dict[str, str]:
    """Everything below `flyway`, names in lower case, nested ones with points between."""
    found: dict[str, str] = {}
    for name in _CONFIGURATION:
        text = group.surroundings.get(name, "")
        found |= _toml(text) if name.endswith(".toml") else _properties(text)
    return found


def _properties(text: str) -> dict[str, str]:
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and line[0] not in "#!")
    return {name.strip().lower().removeprefix("flyway."): value.strip() for name, _, value in pairs}


def _toml(text: str) -> dict[str, str]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
    return dict(_flat(data.get("flyway", {}), ""))


def _flat(data: Mapping[str, Any], above: str) -> list[tuple[str, str]]:
    result: list[tuple[str, str]] = []
    for name, value in data.items():
        whole = f"{above}{name}".lower()
        if isinstance(value, dict):
            result += _flat(value, f"{whole}.")
        else:
            result.append((whole, str(value).lower() if isinstance(value, bool) else str(value)))
    return result
