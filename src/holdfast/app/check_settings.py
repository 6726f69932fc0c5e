"""What a project says about its checks: `holdfast.toml`, or `[tool.holdfast]` of pyproject.toml."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.core.errors import Invalid, NotFound
from holdfast.core.finding import Finding, Location, Severity

NAMES = ("holdfast.toml", "pyproject.toml")
_LEVELS = ("off", "notice", "warning", "error")


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """`rules` is a severity by rule, None for off; `tools` are settings by tool."""

    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tool: str = ""
    server_version: int | None = None
    fail_on: str = "warning"
    style: bool = False
    down: bool = False
    baseline: str = ""
    schema: str = ""
    rules: Mapping[str, Severity | None] = field(default_factory=dict)
    session: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    source: str = ""


def find(start: str) -> tuple[str, Mapping[str, Any]] | None:
    """The nearest file with settings from a folder upwards, up to the repository's top."""
    folder = Path(start or ".").resolve()
    for here in (folder, *folder.parents):
        for name in NAMES:
            file = here / name
            if file.is_file() and (data := _section(file)) is not None:
                return os.path.relpath(file), data
        if (here / ".git").exists():
            return None
    return None


def load(path: str) -> tuple[str, Mapping[str, Any]]:
    """The settings of one file. Raises `NotFound`, `Invalid`."""
    file = Path(path)
    if not file.is_file():
        raise NotFound(f"there is no file {path}", subject=f"file {path}")
    return path, _section(file) or {}


def _section(file: Path) -> Mapping[str, Any] | None:
    try:
        data = tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        if file.name == "pyproject.toml":
            return None  # somebody else's affair
        raise Invalid(f"{file} cannot be read as TOML: {error}") from None
    if file.name == "pyproject.toml":
        data = data.get("tool", {}).get("holdfast")
        if data is None:
            return None
    check: Any = data.get("check", data)
    return check if isinstance(check, dict) else {"check": check}


def settled(
    name: str,
    data: Mapping[str, Any],
    is_rule: Callable[[str], str | None],
    is_tool: Callable[[str], bool],
) -> CheckSettings:
    """Settings as a value. Raises `Invalid` with every mistake.

    `is_rule` gives a rule's id for a name, None for a name of none.
    """
    reading = _Settling(name, is_rule, is_tool)
    result = reading.run(data)
    if reading.findings:
        raise Invalid(f"{name} has settings that are not understood", reading.findings)
    return result


class _Settling:
    def __init__(
        self, name: str, is_rule: Callable[[str], str | None], is_tool: Callable[[str], bool]
    ) -> None:
        self.name, self.is_rule, self.is_tool = name, is_rule, is_tool
        self.findings: list[Finding] = []

    def run(self, data: Mapping[str, Any]) -> CheckSettings:
        known = {
            "paths": self._texts, "exclude": self._texts, "tool": self._tool,
            "server-version": self._version, "fail-on": self._level, "style": self._flag,
            "down": self._flag, "baseline": self._text, "schema": self._text,
            "rules": self._rules, "session": self._session, "tools": self._tools,
        }  # fmt: skip
        found: dict[str, Any] = {}
        for key, value in data.items():
            if key not in known:
                self._wrong(key, f"there is no setting {key}", f"use one of {', '.join(known)}")
                continue
            found[key.replace("-", "_")] = known[key](key, value)
        if self.findings:
            return CheckSettings()
        here = Path(self.name).parent
        for key in ("baseline", "schema"):
            if found.get(key):
                found[key] = os.path.relpath(here / found[key])
        if "paths" in found:
            found["paths"] = tuple(os.path.relpath(here / each) for each in found["paths"])
        return CheckSettings(**found, source=self.name)

    def _wrong(self, key: str, said: str, hint: str = "") -> None:
        place = Location(self.name, 1, 1, key)
        self.findings.append(Finding("schema.settings", Severity.ERROR, key, said, hint, place))

    def _texts(self, key: str, value: object) -> tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        self._wrong(key, f"{key} is no list of texts: {value!r}")
        return ()

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str):
            self._wrong(key, f"{key} is no text: {value!r}")
        return str(value)

    def _flag(self, key: str, value: object) -> bool:
        if not isinstance(value, bool):
            self._wrong(key, f"{key} is neither true nor false: {value!r}")
        return bool(value)

    def _tool(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not self.is_tool(value):
            self._wrong(key, f"there is no tool {value!r}", "see `holdfast check --list-tools`")
        return str(value)

    def _version(self, key: str, value: object) -> int:
        number = value if isinstance(value, int) else 0
        if not 11 <= number <= 18:
            self._wrong(key, f"server-version is {value!r}", "use a major version from 11 to 18")
        return number

    def _level(self, key: str, value: object) -> str:
        if value not in (*_LEVELS[1:], "never"):
            self._wrong(key, f"{key} is {value!r}", "use error, warning, notice or never")
        return str(value)

    def _rules(self, key: str, value: object) -> dict[str, Severity | None]:
        found: dict[str, Severity | None] = {}
        for name, level in self._table(key, value).items():
            rule = self.is_rule(name)
            if rule is None:
                self._wrong(f"rules.{name}", f"there is no rule {name}", "see --list-rules")
            elif level not in _LEVELS:
                said = f"the level of {name} is {level!r}"
                self._wrong(f"rules.{name}", said, f"use one of {', '.join(_LEVELS)}")
            else:
                found[rule] = None if level == "off" else Severity(str(level))
        return found

    def _session(self, key: str, value: object) -> dict[str, str]:
        return {name.lower(): str(each) for name, each in self._table(key, value).items()}

    def _tools(self, key: str, value: object) -> dict[str, Mapping[str, object]]:
        found: dict[str, Mapping[str, object]] = {}
        for name, each in self._table(key, value).items():
            if not self.is_tool(name):
                self._wrong(f"tools.{name}", f"there is no tool {name}")
            else:
                found[name] = self._table(f"tools.{name}", each)
        return found

    def _table(self, key: str, value: object) -> Mapping[str, object]:
        if isinstance(value, dict):
            return value
        self._wrong(key, f"{key} is no table: {value!r}")
        return {}
