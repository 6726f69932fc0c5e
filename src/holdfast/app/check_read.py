"""Finding and reading what `check` looks at: folders walked once, files opened once."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from holdfast.core.errors import NotFound
from holdfast.core.finding import Finding
from holdfast.schema.reading.files import File, Folder
from holdfast.schema.reading.problems import problem

CONFIGURATIONS = (
    "flyway.toml", "flyway.conf", "flyway.user.toml", "Cargo.toml", "sqlx.toml", "package.json",
    "migration_lock.toml", "alembic.ini", "liquibase.properties",
)  # fmt: skip
"""Files that say whose the migrations around them are."""

_PASSED_OVER = frozenset(
    {"node_modules", "__pycache__", "target", "venv", "site-packages", "vendor"}
)
_MOST_BYTES = 64 * 2**20
_SQL = (".sql", ".SQL")
_PROGRAM = re.compile(r"\d{13,17}_.*\.(?:rb|[cm]?[jt]s)$")
_CHANGELOG = re.compile(r".*changelog.*\.(?:xml|ya?ml|json)$", re.IGNORECASE)
_UP_TO_A_PROJECT = 12
"""Folders above a given one in which a configuration is looked for."""


@dataclass
class Read:
    """Folders with their files, and what could not be read."""

    folders: list[Folder] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    context: set[str] = field(default_factory=set)
    """Files that nobody asked about: they tell what is there before those that somebody did."""


def read(paths: Sequence[str], exclude: Sequence[str] = ()) -> Read:
    """Everything at these paths. Raises `NotFound` for a path that is not there."""
    return _Reading(exclude).run(paths)


def given_text(text: str, path: str) -> Read:
    """One file whose text an editor holds, among the names of the folder that it stands in."""
    reading = _Reading(())
    folder, _, name = path.rpartition("/")
    names = reading.names_of(folder) | {name}
    files = reading.beside(folder, [name], names)
    reading.add(folder, names, {**files, name: File(path, *_cleaned(text, path))})
    return reading.result


def text_of(path: str) -> str:
    """The text of one file. Raises `NotFound`."""
    try:
        return _decoded(_content(path), path)[0]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NotFound(f"cannot read {path}: {reason}", subject=f"file {path}") from None


class _Reading:
    def __init__(self, exclude: Sequence[str]) -> None:
        self.exclude = tuple(exclude)
        self.result = Read()
        self.seen: set[tuple[int, int]] = set()
        self.above: dict[str, Mapping[str, str]] = {}

    def run(self, paths: Sequence[str]) -> Read:
        alone: dict[str, list[str]] = {}
        for path in dict.fromkeys(_tidy(given) for given in paths):
            if os.path.isdir(path or "."):
                self._walk(path)
            elif os.path.lexists(path):
                folder, _, name = path.rpartition("/")
                alone.setdefault(folder, []).append(name)
            else:
                raise NotFound(f"there is no file or folder {path}", subject=f"path {path}")
        for folder, wanted in alone.items():
            self._some(folder, wanted)
        return self.result

    def _walk(self, top: str) -> None:
        """Every folder below, links followed, none twice."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                status = os.stat(folder or ".")
                entries = list(os.scandir(folder or "."))
            except OSError as error:
                self._unreadable(folder, error)
                continue
            if (status.st_dev, status.st_ino) in self.seen:
                continue
            self.seen.add((status.st_dev, status.st_ino))
            below = [entry.name for entry in entries if self._is_folder(entry, folder)]
            names = {entry.name for entry in entries}
            files = self._files(folder, sorted(names - set(below)), names)
            self.add(folder, names, files)
            waiting += [_join(folder, name) for name in sorted(below, reverse=True)]

    def _is_folder(self, entry: os.DirEntry[str], folder: str) -> bool:
        if entry.name in _PASSED_OVER or entry.name.startswith("."):
            return False
        try:
            return entry.is_dir() and not self._is_excluded(_join(folder, entry.name))
        except OSError:
            return False

    def _some(self, folder: str, wanted: Sequence[str]) -> None:
        """Files that were named one by one; their neighbours are what is there before them."""
        names = self.names_of(folder)
        files = self._files(folder, wanted, names)
        if files:
            self.add(folder, names, {**self.beside(folder, wanted, names), **files})

    def beside(self, folder: str, wanted: Iterable[str], names: set[str]) -> dict[str, File]:
        """The other files of a folder; what is wrong with them nobody asked."""
        found = len(self.result.findings)
        files = self._files(folder, sorted(names - set(wanted)), names)
        del self.result.findings[found:]
        self.result.context.update(file.path for file in files.values())
        return files

    def names_of(self, folder: str) -> set[str]:
        """All names in a folder; none where it cannot be read."""
        try:
            return set(os.listdir(folder or "."))
        except OSError:
            return set()

    def add(self, folder: str, names: set[str], files: Mapping[str, File]) -> None:
        """One folder with what was read in it; one without is left out."""
        if files:
            around = self._surroundings(folder, names)
            self.result.folders.append(Folder(folder, files, frozenset(names), around))

    def _files(self, folder: str, wanted: Iterable[str], names: set[str]) -> dict[str, File]:
        found = {}
        is_python = _holds_python(folder, names)
        for name in wanted:
            path = _join(folder, name)
            if self._is_excluded(path):
                continue
            if (
                name.endswith(_SQL)
                or (is_python and name.endswith(".py") and name[0] != "_")
                or name.endswith(".sql.conf")
                or name == "metadata.toml"
                or _CHANGELOG.match(name)
            ):
                file = self._file(path)
            elif _PROGRAM.match(name):
                file = File(path, "")
            else:
                continue
            if file is not None:
                found[name] = file
        return found

    def _file(self, path: str) -> File | None:
        try:
            content = _content(path)
        except OSError as error:
            self._unreadable(path, error)
            return None
        text, findings = _decoded(content, path)
        return File(path, text, tuple(findings))

    def _unreadable(self, path: str, error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        self.result.findings.append(
            problem("schema.unreadable_file", f"cannot read {path or '.'}: {reason}", path or ".")
        )

    def _surroundings(self, folder: str, names: set[str]) -> Mapping[str, str]:
        """The nearest configuration of each name, from here upwards."""
        if folder not in self.above:
            here = {}
            for name in CONFIGURATIONS:
                if name in names and (file := self._file(_join(folder, name))) is not None:
                    here[name] = file.text
            above = None if ".git" in names else _above(folder)
            if above is None or above.count("..") > _UP_TO_A_PROJECT:
                self.above[folder] = here
            elif above in self.above:
                self.above[folder] = {**self.above[above], **here}
            else:
                self.above[folder] = {**self._surroundings(above, self.names_of(above)), **here}
        return self.above[folder]

    def _is_excluded(self, path: str) -> bool:
        return any(
            fnmatch(path, pattern) or fnmatch(path, f"*/{pattern}") for pattern in self.exclude
        )


def _tidy(path: str) -> str:
    """As it is shown: `./a//b/` is `a/b`, the current folder is nothing at all."""
    tidy = os.path.normpath(path)
    return "" if tidy == "." else tidy.replace(os.sep, "/")


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and folder != "/" else f"{folder}{name}"


def _above(folder: str) -> str | None:
    """The folder above a given one, None at the top."""
    if folder == "/":
        return None
    if not folder or folder.endswith(".."):
        return None if Path(folder or ".").resolve() == Path("/") else _join(folder, "..")
    return os.path.dirname(folder)


def _holds_python(folder: str, names: set[str]) -> bool:
    """Whether Python files here can be migrations: Django's or Alembic's."""
    name = folder.rpartition("/")[2]
    return name in ("migrations", "versions") or "env.py" in names or "alembic.ini" in names


def _content(path: str) -> bytes:
    """All of a plain file. Raises OSError, also for what is none and for what is too large."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(file)
        if (status.st_mode & 0o170000) != 0o100000:
            raise OSError(errno.EINVAL, "it is no plain file")
        if status.st_size > _MOST_BYTES:
            raise OSError(errno.EFBIG, f"it has {status.st_size} bytes, at most {_MOST_BYTES}")
        parts = []
        while part := os.read(file, max(status.st_size, 4096)):
            parts.append(part)
            if len(part) >= status.st_size > 0:
                break  # all that was there when it was opened
        return b"".join(parts)
    finally:
        os.close(file)


def _decoded(content: bytes, path: str) -> tuple[str, list[Finding]]:
    findings = []
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        said = "the file is UTF-16"
        findings.append(problem("schema.encoding", said, path))
        text = content.decode("utf-16", errors="replace")
    else:
        if content.startswith(b"\xef\xbb\xbf"):
            said = "the file begins with a byte order mark"
            findings.append(problem("schema.byte_order_mark", said, path))
            content = content[3:]
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            said = f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8"
            findings.append(problem("schema.encoding", said, path, line))
            text = content.decode("latin-1")
    text, more = _cleaned(text, path)
    return text, [*findings, *more]


def _cleaned(text: str, path: str) -> tuple[str, tuple[Finding, ...]]:
    """Without what no parser takes, blanks in its place."""
    if "\0" not in text:
        return text, ()
    line = text.count("\n", 0, text.index("\0")) + 1
    found = problem("schema.nul", f"{text.count(chr(0))} NUL characters are in it", path, line)
    return text.replace("\0", " "), (found,)
