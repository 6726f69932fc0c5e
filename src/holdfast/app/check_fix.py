"""`check --fix`: the safe sequence in the place of a migration that nobody has run yet."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.app.check import Asked, options_of
from holdfast.app.check_read import Read
from holdfast.app.check_since import Added
from holdfast.core.finding import Severity
from holdfast.schema.checked import Checked
from holdfast.schema.fix import End, Fixed, difference, end, fixed
from holdfast.schema.migration import Migration
from holdfast.schema.reading.files import File, Folder
from holdfast.schema.reading.grouping import History, histories


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: `written` are the files that took its place, `why` if none did."""

    path: str
    written: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    facts: int = 0
    why: str = ""


def fix(read: Read, result: Checked, asked: Asked) -> list[Outcome]:
    """Write the safe sequences and say what was written, file by file."""
    every = histories(read.folders, tool=asked.settings.tool, settings=asked.settings.tools)
    chosen = {one.location.file for one in result.findings if one.location}
    return [
        _outcome(one, history, read, asked)
        for history in every
        for one in fixed(history, result.findings, chosen)
    ]


def _outcome(one: Fixed, history: History, read: Read, asked: Asked) -> Outcome:
    path = one.migration.path
    if one.refused:
        return Outcome(path, why=one.refused)
    if _is_committed(path, asked.added):
        return Outcome(
            path, why="it is committed, so that it may have run; --since says where from"
        )
    taken = [name for name in one.files if name not in _replaced(one) and Path(name).exists()]
    if taken:
        return Outcome(path, why=f"{taken[0]} is there already")
    settings = asked.settings.tools.get(history.tool.id, {})
    after = _read_again(one, history, read, settings)
    if _twins(after) > _twins(history.migrations):
        return Outcome(path, why="the versions that its sequence needs are taken by later ones")
    before_end = end(history.migrations, asked.facts, options_of(asked))
    if path in before_end.failed:
        return Outcome(path, why="it fails as it stands, so that there is nothing to compare with")
    after_end = end(after, asked.facts, options_of(asked))
    if differs := difference(before_end.facts, after_end.facts):
        return Outcome(path, why=f"the catalog at the end would differ: {', '.join(differs[:3])}")
    if _weight(after_end, one.rules) >= _weight(before_end, one.rules):
        return Outcome(path, why=f"{', '.join(one.rules)} would still be found")
    for name, text in one.files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    return Outcome(path, tuple(one.files), one.rules, len(after_end.facts))


def _weight(found: End, rules: Sequence[str]) -> int:
    """How much of these rules there is, and of errors of whichever."""
    return sum(1 for one in found.findings if one.id in rules or one.severity is Severity.ERROR)


def _twins(every: Sequence[Migration]) -> int:
    ids = [found.id for one in every for found in one.findings]
    return ids.count("schema.duplicate_version")


def _replaced(one: Fixed) -> set[str]:
    """Files of the migration itself, which its sequence takes the place of."""
    path = one.migration.path
    pair = {".up.sql": ".down.sql", "/up.sql": "/down.sql"}
    own = {path, path.rpartition("/")[0] + "/metadata.toml"}
    own |= {path.removesuffix(up) + down for up, down in pair.items() if path.endswith(up)}
    return own


def _read_again(
    one: Fixed, history: History, read: Read, settings: Mapping[str, object]
) -> Sequence[Migration]:
    texts = {
        file.path: file.text
        for folder in read.folders
        if history.tool.root(folder) == history.root
        for file in folder.files.values()
    } | dict(one.files)
    around = next(
        folder.surroundings for folder in read.folders if history.tool.root(folder) == history.root
    )
    folders: dict[str, dict[str, File]] = {}
    for path, text in texts.items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, {})[name] = File(path, text)
    made = [Folder(path, files, frozenset(files), around) for path, files in folders.items()]
    again = histories(made, tool=history.tool.id, settings={history.tool.id: settings})
    return [each for found in again for each in found.migrations]


def _is_committed(path: str, added: Added | None) -> bool:
    """Whether git has the file in HEAD, or, with --since, where the branch left."""
    if added is not None:
        return added.before(path) is not None
    folder = Path(path).absolute().parent
    try:
        answer = subprocess.run(
            ["git", "cat-file", "-e", f"HEAD:./{Path(path).name}"],
            cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return False
    return answer.returncode == 0
