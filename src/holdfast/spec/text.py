"""From what a file holds to text that may be parsed, and its documents one by one.

Everything that is cheap to see is refused here, before a parser looks at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.spec.document import Source
from holdfast.spec.suggest import show
from holdfast.spec.tree import Fault

MAX_BYTES = 2**20
_UNREADABLE = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DOCUMENT = re.compile(r"^---(?=\s|$)", re.MULTILINE)


def readable(source: Source) -> str | Fault:
    """The text with plain line ends and without a byte order mark, or why it cannot be read."""
    if len(source.text) > MAX_BYTES:
        size = len(source.text) / MAX_BYTES
        message = f"the file has {size:.1f} MiB; more than 1 MiB is not read"
        return Fault("file-too-large", 1, 1, message, "split it into several files")
    text = source.text if isinstance(source.text, str) else _decoded(source.text)
    if isinstance(text, Fault):
        return text
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    odd = _UNREADABLE.search(text)
    if odd:
        message = f"there is a character that text cannot have: {show(odd[0])}"
        return Fault("unreadable", *_place(text, odd.start()), message, "remove it")
    return text


def split_documents(text: str) -> Iterator[tuple[int, str]]:
    """The documents of a file, each with the number of its first line.

    `---` at the start of a line begins a document wherever it stands, so the text can be split
    there: an error in one document does not hide those in the next.
    """
    starts = [match.start() for match in _DOCUMENT.finditer(text)]
    if not starts or text[: starts[0]].strip():
        starts.insert(0, 0)
    line, last = 1, 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        line += text.count("\n", last, start)
        last = start
        yield line, text[start:end]


def directive(part: str) -> bool:
    """Whether a part of a file is only the directives of the document after it."""
    lines = (line for line in part.split("\n") if line.strip() and not line.startswith("#"))
    return next(lines, "").startswith("%")


def _decoded(raw: bytes) -> str | Fault:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Fault("encoding", 1, 1, "the file is UTF-16", "save it as UTF-8")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        message = f"the byte 0x{raw[error.start]:02x} is not UTF-8"
        return Fault("encoding", *_place(before, len(before)), message, "save the file as UTF-8")


def _place(text: str, offset: int) -> tuple[int, int]:
    line_start = text.rfind("\n", 0, offset) + 1
    return (text.count("\n", 0, offset) + 1, offset - line_start + 1)
