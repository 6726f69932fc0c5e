"""A script's statements with their places, found by its quotes and semicolons alone.

Nothing is parsed here: a statement that PostgreSQL would refuse is still cut out, so that the ones
after it are read. One pass over the text, and only the characters that can open or end something
are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.schema.migration import Fragment

# Everything that neither ends a statement nor needs a second look, a good deal at a time: bounded,
# because the engine remembers every turn of a repetition.
_SIMPLE = r"""(?<![eE])'[^']*'|"[^"]*"|--[^\n]*|-(?!-)|/(?!\*)|::"""
_RUN = re.compile(rf"""(?:[^;'"$\-/]+|{_SIMPLE}){{0,99}}""")
_RUN_PSQL = re.compile(rf"""(?:[^;'"$\-/\\:]+|{_SIMPLE}){{0,99}}""")
_CREATE_OR_COPY = frozenset("cC")
_BLANK = re.compile(r"\s*")
_WORD_BEFORE = re.compile(r"[\w$]")
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_BLOCK = re.compile(r"/\*|\*/")
_STRING_END = re.compile(r"\\.|'", re.DOTALL)
_VARIABLE = re.compile(r":(?:'[^\W\d]\w*'|\"[^\W\d]\w*\"|[^\W\d]\w*)")
_VARIABLE_CANNOT_FOLLOW = re.compile(r"[\w\]):]")
_COPY = re.compile(r"copy\b[^;]*?\bfrom\s+stdin\b", re.IGNORECASE)
_COPY_END = re.compile(r"^\\\.[ \t]*\r?$", re.MULTILINE)
_RULE = re.compile(r"create\s+(?:or\s+replace\s+)?rule\b", re.IGNORECASE)
_ATOMIC = re.compile(r"\bbegin\s+atomic\b", re.IGNORECASE)
_CREATE = re.compile(r"create\b", re.IGNORECASE)
_OPENS = re.compile(r"['\"$\-/]")
_NESTING = re.compile(r"\b(?:case|begin\s+atomic|end)\b|['\"$]|--[^\n]*|/\*", re.IGNORECASE)
_COMMAND = re.compile(r"\\(\S*)[ \t]*([^\n]*)")
_SENDS = re.compile(r"g(?:x|set|desc|exec)?$|watch$|crosstabview$|bind")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a script may hold beside SQL.

    `psql`: lines that begin with a backslash, and `:name` variables.
    """

    psql: bool = False


PSQL = Dialect(psql=True)
PLAIN = Dialect()


def statements(
    text: str, dialect: Dialect = PLAIN, *, start: int = 0, end: int | None = None
) -> list[Fragment]:
    """The statements between two offsets, each without its semicolon and leading comments."""
    return list(_Scan(text, dialect, start, len(text) if end is None else end).run())


class Lines:
    """Line and column of growing offsets, without counting anything twice."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._offset = 0
        self._line = 1

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1; an offset before the last one starts over."""
        if offset < self._offset:
            self._offset, self._line = 0, 1
        self._line += self._text.count("\n", self._offset, offset)
        self._offset = offset
        return self._line, offset - self._text.rfind("\n", 0, offset)


class _Scan:
    def __init__(self, text: str, dialect: Dialect, start: int, end: int) -> None:
        self.text, self.dialect, self.at, self.end = text, dialect, start, end
        self.lines = Lines(text)
        self.run_past = _RUN_PSQL if dialect.psql else _RUN
        found = _ATOMIC.search(text, start)
        self.next_atomic = found.start() if found else len(text)
        self.edits: list[tuple[int, str]] = []

    def run(self) -> Iterator[Fragment]:
        while True:
            begin = self._skip_blank(self.at)
            if begin >= self.end:
                return
            if self.dialect.psql and self.text[begin] == "\\":
                yield from self._command(begin, begin)
                continue
            if self.text[begin] == ";":
                self.at = begin + 1
                continue
            self.edits = []
            yield from self._statement(begin)

    def _skip_blank(self, at: int) -> int:
        """Past white space and comments."""
        text = self.text
        while at < self.end:
            found = _BLANK.match(text, at, self.end)
            assert found is not None
            at = found.end()
            if text.startswith("--", at):
                at = self._line_end(at)
            elif text.startswith("/*", at):
                at = self._comment_end(at)
            else:
                break
        return at

    def _statement(self, begin: int) -> Iterator[Fragment]:
        stop, command = self._stop(begin)
        if command:
            # The command ends what stands before it, sends it, or only stands in its way.
            yield from self._command(stop, begin)
            return
        self.at = min(stop + 1, self.end)
        yield self._fragment(begin, stop)
        if self.text[begin] in _CREATE_OR_COPY and _COPY.match(self.text, begin, stop):
            found = _COPY_END.search(self.text, self.at)
            self.at = found.end() if found else self.end

    def _stop(self, begin: int) -> tuple[int, bool]:
        """Where the statement ends, and whether a command of psql ends it."""
        text, end, run_past = self.text, self.end, self.run_past
        at = begin if begin <= self.next_atomic else self._seek_atomic(begin)
        is_rule = text[at] in _CREATE_OR_COPY and _RULE.match(text, at) is not None
        while True:
            found = run_past.match(text, at, end)
            assert found is not None
            at = found.end()
            if at >= end:
                return end, False
            if at > self.next_atomic:
                at = self._atomic_end(begin, self.next_atomic)
                continue
            sign = text[at]
            if sign == ";":
                if not is_rule or text.count("(", begin, at) <= text.count(")", begin, at):
                    return at, False
                at += 1
            elif sign == "\\":
                return at, True
            elif sign == ":":
                at = self._variable(at)
            else:
                at = self._closed(at, sign)

    def _seek_atomic(self, begin: int) -> int:
        found = _ATOMIC.search(self.text, begin)
        self.next_atomic = found.start() if found else len(self.text)
        return begin

    def _closed(self, at: int, sign: str) -> int:
        """Past the quotation or comment that begins here, or past the character itself."""
        text, end = self.text, self.end
        if sign == "'":
            if at and text[at - 1] in "eE" and not (at > 1 and _WORD_BEFORE.match(text[at - 2])):
                return self._escaped_end(at + 1)
            close = text.find("'", at + 1, end)
        elif sign == '"':
            close = text.find('"', at + 1, end)
        elif sign == "$":
            tag = _DOLLAR.match(text, at)
            if tag is None or (at and _WORD_BEFORE.match(text[at - 1])):
                return at + 1
            close = text.find(tag[0], tag.end(), end)
            return end if close < 0 else close + len(tag[0])
        elif sign == "-" and text.startswith("--", at):
            return self._line_end(at)
        elif sign == "/" and text.startswith("/*", at):
            return self._comment_end(at)
        else:
            return at + 1
        return end if close < 0 else close + 1

    def _escaped_end(self, at: int) -> int:
        while found := _STRING_END.search(self.text, at, self.end):
            at = found.end()
            if found[0] == "'":
                return at
        return self.end

    def _line_end(self, at: int) -> int:
        close = self.text.find("\n", at, self.end)
        return self.end if close < 0 else close + 1

    def _comment_end(self, at: int) -> int:
        depth = 0
        while found := _BLOCK.search(self.text, at, self.end):
            at = found.end()
            depth += 1 if found[0] == "/*" else -1
            if depth == 0:
                return at
        return self.end

    def _atomic_end(self, begin: int, at: int) -> int:
        """Past the body of an SQL-standard function whose BEGIN ATOMIC stands at `at`."""
        found = _ATOMIC.match(self.text, at)
        assert found is not None
        past = self._quoted_past(begin, at)
        self._seek_atomic(found.end())
        if past or not _CREATE.match(self.text, begin):
            return max(past, found.end())
        depth, at = 1, found.end()
        while inner := _NESTING.search(self.text, at, self.end):
            at = inner.end()
            word = inner[0].lower()
            if word in ("'", '"', "$"):
                at = self._closed(inner.start(), word)
            elif word.startswith("/*"):
                at = self._comment_end(inner.start())
            elif not word.startswith("--"):
                depth += -1 if word == "end" else 1
                if depth == 0:
                    return at
        return self.end

    def _quoted_past(self, begin: int, place: int) -> int:
        """Where the quotation or comment ends that `place` stands in; 0 where it stands free."""
        at = begin
        while found := _OPENS.search(self.text, at, place):
            at = self._closed(found.start(), found[0])
            if at > place:
                return at
        return 0

    def _variable(self, at: int) -> int:
        text = self.text
        if not self.dialect.psql or text.startswith("::", at):
            return at + 2
        found = _VARIABLE.match(text, at, self.end)
        if found is None or (at and _VARIABLE_CANNOT_FOLLOW.match(text[at - 1])):
            return at + 1
        name = found[0]
        quote = name[1] if name[1] in "'\"" else ""
        self.edits.append((at, f"{quote}_{name[2:]}" if quote else f"_{name[1:]}"))
        return found.end()

    def _fragment(self, begin: int, stop: int, opaque: str = "") -> Fragment:
        sql = self.text[begin:stop].rstrip()
        for at, new in reversed(self.edits):
            where = at - begin
            sql = sql[:where] + new + sql[where + len(new) :]
        return Fragment(sql, *self.lines.place(begin), begin, opaque)

    def _command(self, at: int, begin: int) -> Iterator[Fragment]:
        """A backslash command from `at` on; from `begin` to there stands an open statement."""
        found = _COMMAND.match(self.text, at, self.end)
        assert found is not None
        name, rest = found[1].rstrip("\r"), found[2].strip()
        self.at = found.end()
        waiting = at > begin
        if name.startswith((";", "\\")) and waiting:
            yield self._fragment(begin, at)
            self.at = at + 2
        elif name == "gexec" and waiting:
            yield self._fragment(begin, at)
            yield Fragment("", *self.lines.place(at), at, "the result of the query is run as SQL")
        elif _SENDS.match(name) and waiting:
            yield self._fragment(begin, at)
        elif name in ("i", "ir", "include", "include_relative"):
            if waiting:
                yield self._fragment(begin, at)
            yield Fragment("", *self.lines.place(at), at, f"the file {rest} is run here")
        elif waiting:
            # As psql does it: the command is run at once, the statement goes on behind it. Blanks
            # stand in its place, so that offsets stay what they are.
            self.text = self.text[:at] + " " * (self.at - at) + self.text[self.at :]
            yield from self._statement(begin)
