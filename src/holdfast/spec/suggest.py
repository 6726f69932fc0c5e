"""Sentences that many findings share: what is allowed, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 60
"""Characters of a value that a message repeats; the place says where the rest is."""


def nearest(seen: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that `seen` probably means, or None."""
    words = list(allowed)
    folded = {word.casefold(): word for word in words}
    close = difflib.get_close_matches(seen[:_SHOWN].casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def meant(seen: str, allowed: Iterable[str]) -> str:
    """A hint: the probable word, else the list of all."""
    words = list(allowed)
    close = nearest(seen, words)
    return f"did you mean {close!r}?" if close else f"write one of {listing(words)}"


def listing(words: Iterable[object]) -> str:
    """`a, b and c`; a dash for none."""
    shown = [str(word) for word in words]
    if len(shown) < 2:
        return shown[0] if shown else "-"
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def show(value: object) -> str:
    """A value as a message repeats it: in quotes, escaped, and cut to a readable length.

    Non-ASCII characters are escaped, because many look like ASCII ones.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = ascii(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN + 2 else f"{text[:_SHOWN]}...'"
