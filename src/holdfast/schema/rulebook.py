"""Every rule there is, those that judge effects and those of the readers, with what they say."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from holdfast.schema.reading.problems import OFF_BY_DEFAULT, PROBLEMS
from holdfast.schema.ruleset import modules, name_of

SYNTAX = "schema.syntax"
_SYNTAX_TITLE = "The statement is not SQL"
_SYNTAX_DOCS = (
    "PostgreSQL's own parser, of the newest version, does not take it. It was not checked; the "
    "other statements were."
)


@dataclass(frozen=True, slots=True)
class Page:
    """A rule for people: `title` in one line, `text` its paragraphs, examples where it has some."""

    id: str
    title: str
    text: str
    rows: tuple[int, ...] = ()
    bad: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    off: bool = False


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All pages by id, in the order of their ids."""

    pages: Mapping[str, Page]

    @property
    def style(self) -> frozenset[str]:
        """Rules of taste."""
        return frozenset(name for name, page in self.pages.items() if page.off)

    def is_rule(self, name: str) -> bool:
        """Whether there is a rule of this id."""
        return name in self.pages

    def title(self, name: str) -> str:
        """One line about a rule; its id where nothing is known."""
        return self.pages[name].title if name in self.pages else name


@cache
def rulebook() -> Rulebook:
    """The book of this version."""
    pages = [_judge(module) for module in modules()]
    pages += [
        Page(name, each.title, f"{each.docs}\n\nInstead: {each.hint}." if each.hint else each.docs,
             off=name in OFF_BY_DEFAULT)
        for name, each in PROBLEMS.items()
    ]  # fmt: skip
    pages.append(Page(SYNTAX, _SYNTAX_TITLE, _SYNTAX_DOCS))
    return Rulebook({page.id: page for page in sorted(pages, key=lambda page: page.id)})


def _judge(module: ModuleType) -> Page:
    head, _, rest = inspect.cleandoc(module.__doc__ or "").partition("\n")
    return Page(
        id=name_of(module),
        title=head.rstrip("."),
        text=rest.strip(),
        rows=tuple(module.ROWS),
        bad=_examples(getattr(module, "BAD", ())),
        good=_examples(getattr(module, "GOOD", ())),
        off=bool(getattr(module, "STYLE", False)),
    )


def _examples(every: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(getattr(one, "when", one)) for one in every)
