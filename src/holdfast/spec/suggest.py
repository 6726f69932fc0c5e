"""Sentences that many findings share: what is allowed, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 60
"""Characters of a value that a message repeats; the place says where the rest is."""
_CLOSE = 0.6
"""Likeness from 0 to 1, as difflib counts it, from which a word was probably meant."""


def nearest(seen: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that `seen` probably means, or None."""
    words = list(allowed)
    folded = {word.casefold(): word for word in words}
    matcher = difflib.SequenceMatcher(b=seen[:_SHOWN].casefold())
    scored = []
    for short, word in folded.items():
        matcher.set_seq1(short)
        if matcher.quick_ratio() >= _CLOSE:
            scored.append((matcher.ratio(), word))
    scored.sort(reverse=True)
    if not scored or scored[0][0] < _CLOSE:
        return None
    # Two that are equally near (tier-0 and tier-1 to tier-9) are no suggestion.
    if len(scored) > 1 and scored[0][0] == scored[1][0]:
        return None
    return scored[0][1]


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
