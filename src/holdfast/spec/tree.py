"""From the text of one YAML document to plain data and the place of everything in it.

The values are built from the parser's events, not by the YAML library's constructor. That way
no tag can make an object, an unquoted word means what YAML 1.2 says, a key that stands twice is
seen, and depth and size are bounded while reading: a few lines of aliases that would unfold to
gigabytes are refused after a few thousand values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from holdfast.spec.document import Path
from holdfast.spec.scalar import plain_value
from holdfast.spec.suggest import show

MAX_DEPTH = 20
MAX_VALUES = 10_000
"""Values in one document, with those behind aliases counted each time."""

_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""What an escape such as "\\0" can bring in; PostgreSQL's jsonb cannot hold all of it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the YAML itself; `line` and `column` count from 1."""

    rule: str
    line: int
    column: int
    message: str
    hint: str = ""
    path: Path = ()


@dataclass(slots=True)
class Tree:
    """One document: its data, where its keys and values stand, and what is wrong with it.

    `complete` is False when reading stopped before the end.
    """

    data: Any = None
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    complete: bool = True


def trees(text: str, first_line: int = 1) -> Iterator[Tree]:
    """Every document of a text whose first line has this number in its file. Never raises."""
    events = YAML(typ="safe", pure=True).parse(text)
    tree = Tree()
    try:
        for event in events:
            if isinstance(event, DocumentStartEvent):
                tree = Tree()
                _Builder(events, tree, first_line).build_document()
                yield tree
    except _Stop as stop:
        tree.faults.append(stop.fault)
        tree.complete = False
        yield tree
    except YAMLError as error:
        tree = Tree(faults=[_syntax_fault(error, text, first_line)], complete=False)
        yield tree


class _Stop(Exception):
    """There is no sense in reading on."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Builder:
    """Builds one document's data.

    `anchors` has an anchored value with the number of values in it and its depth, or None while
    it is still being read; `deepest` is the longest path met.
    """

    def __init__(self, events: Iterator[Event], tree: Tree, first_line: int) -> None:
        self.events = events
        self.tree = tree
        self.first_line = first_line
        self.anchors: dict[str, tuple[Any, int, int] | None] = {}
        self.count = 0
        self.deepest = 0

    def build_document(self) -> None:
        self.tree.data = self.value(next(self.events), ())

    def place(self, event: Event) -> tuple[int, int]:
        mark = event.start_mark
        return (mark.line + self.first_line, mark.column + 1)

    def fault(self, event: Event, rule: str, path: Path, message: str, hint: str) -> Fault:
        return Fault(rule, *self.place(event), message, hint, path)

    def value(self, event: Any, path: Path) -> Any:
        place = self.place(event)
        self.tree.values[path] = place
        if isinstance(event, AliasEvent):
            return self.alias(event, path)
        self.spend(1, event, path)
        self.refuse_tag(event, path)
        if event.anchor is None:
            return self.content(event, path)
        self.anchors[event.anchor] = None
        count, deepest, self.deepest = self.count, self.deepest, len(path)
        found = self.content(event, path)
        size, depth = self.count - count + 1, self.deepest - len(path)
        self.anchors[event.anchor] = (found, size, depth)
        self.deepest = max(deepest, self.deepest)
        return found

    def content(self, event: Event, path: Path) -> Any:
        if isinstance(event, ScalarEvent):
            self.refuse_odd(event, path)
            # Only an unquoted scalar is anything but text.
            return plain_value(event.value) if event.style is None else str(event.value)
        self.descend(1, event, path)
        if isinstance(event, SequenceStartEvent):
            return self.sequence(path)
        return self.mapping(path)

    def sequence(self, path: Path) -> list[Any]:
        found: list[Any] = []
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            found.append(self.value(event, (*path, len(found))))
        return found

    def mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            key = self.key(event, path)
            here = (*path, key)
            if key in found:
                self.refuse_twice(event, here)
                # Read, so that what is wrong within is found too, and dropped.
                kept = (self.tree.values[here], self.tree.keys[here])
                self.value(next(self.events), here)
                self.tree.values[here], self.tree.keys[here] = kept
            else:
                self.tree.keys[here] = self.place(event)
                found[key] = self.value(next(self.events), here)
                if found[key] is None:
                    # What is not there would stand at the beginning of the next line.
                    self.tree.values[here] = self.tree.keys[here]
        return found

    def key(self, event: Event, path: Path) -> str:
        self.spend(1, event, path)
        if not isinstance(event, ScalarEvent):
            message = "a key has to be a word, not a list, a mapping or an alias"
            raise _Stop(self.fault(event, "bad-key", path, message, "write `key: value`"))
        self.refuse_tag(event, path)
        self.refuse_odd(event, path)
        if event.value == "<<" and event.style is None:
            message = "merge keys (<<) are not part of YAML 1.2"
            hint = "write the fields out"
            self.tree.faults.append(self.fault(event, "merge-key", (*path, "<<"), message, hint))
        return str(event.value)

    def alias(self, event: AliasEvent, path: Path) -> Any:
        name = str(event.anchor)
        if name not in self.anchors:
            message = f"the alias *{name} has no anchor before it"
            raise _Stop(self.fault(event, "unknown-alias", path, message, f"define &{name} first"))
        anchored = self.anchors[name]
        if anchored is None:
            message = f"the alias *{name} stands inside what it refers to"
            raise _Stop(self.fault(event, "endless-alias", path, message, "write the value out"))
        value, size, depth = anchored
        self.spend(size, event, path)
        self.descend(depth, event, path)
        return value

    def spend(self, values: int, event: Event, path: Path) -> None:
        self.count += values
        if self.count > MAX_VALUES:
            message = f"the document has more than {MAX_VALUES} values, counting aliases unfolded"
            hint = "write fewer, or split it into several documents"
            raise _Stop(self.fault(event, "too-large", path[:3], message, hint))

    def descend(self, levels: int, event: Event, path: Path) -> None:
        self.deepest = max(self.deepest, len(path) + levels)
        if self.deepest > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} deep"
            raise _Stop(self.fault(event, "too-deep", path[:3], message, "write it flatter"))

    def refuse_tag(self, event: Any, path: Path) -> None:
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            message = f"the tag {show(tag)} is not allowed; documents hold plain values only"
            fault = self.fault(event, "tag", path, message, "remove the tag")
            self.tree.faults.append(fault)

    def refuse_odd(self, event: ScalarEvent, path: Path) -> None:
        odd = _ODD.search(event.value)
        if odd:
            message = f"there is a character that text cannot have: {show(odd[0])}"
            self.tree.faults.append(self.fault(event, "unreadable", path, message, "remove it"))

    def refuse_twice(self, event: Event, path: Path) -> None:
        line, _ = self.tree.keys[path]
        message = f"the key {show(path[-1])} stands twice; it is already on line {line}"
        self.tree.faults.append(self.fault(event, "key-twice", path, message, "remove one of them"))


def _syntax_fault(error: YAMLError, text: str, first_line: int) -> Fault:
    mark = getattr(error, "problem_mark", None)
    if mark is None or re.search("end of stream|stream end", str(getattr(error, "problem", ""))):
        # What is never closed is best shown where it was opened.
        mark = getattr(error, "context_mark", None) or mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    tab = _tab_near(text, line)
    if tab is not None:
        message = "there is a tab in the indentation, which YAML does not allow"
        return Fault("tab", tab[0] + first_line, tab[1] + 1, message, "use spaces")
    problem, context = _words(error)
    message = f"not valid YAML: {problem}"
    if context and context not in problem:
        message += f" ({context})"
    return Fault("yaml", line + first_line, column + 1, message, _syntax_hint(problem))


def _words(error: YAMLError) -> tuple[str, str]:
    if not isinstance(error, MarkedYAMLError):
        return (str(error).splitlines() or [""])[0], ""
    problem = " ".join(str(error.problem or "").split()) or "it cannot be read"
    # The parser's own names for its tokens say nothing to a reader.
    problem = re.sub(r",? but (?:found|got) \(?'?<([a-z ]+)>'?,?\)?", r", but found \1", problem)
    problem = re.sub(r"expected '?<([a-z ]+)>'?", r"expected \1", problem)
    return problem, " ".join(str(error.context or "").split())


def _syntax_hint(problem: str) -> str:
    if "mapping values are not allowed" in problem:
        return "indent it right, or put a text with a colon in quotes"
    if "block end" in problem or "block collection" in problem:
        return "line it up with the fields above it"
    if "simple key" in problem or "could not find expected ':'" in problem:
        return "write `key: value`, with a space after the colon"
    return "mend the line, or put the text in quotes"


def _tab_near(text: str, line: int) -> tuple[int, int] | None:
    """A tab in the indentation of the line, or of the one before it, which starts the trouble."""
    lines = text.split("\n")
    for number in (line, line - 1):
        if 0 <= number < len(lines):
            indentation = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
            if "\t" in indentation:
                return (number, indentation.index("\t"))
    return None
