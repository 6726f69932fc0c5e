"""The generated pages about `check`: its rules, and the tools whose migrations it reads."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

from holdfast.schema.conventions import conventions
from holdfast.schema.rulebook import Page, rulebook
from tests.unit.house.reference_pages import table

_NOTE = "<!-- Written from the code; `make docs` writes it anew. -->"
_RULES = """\
What [`holdfast check`](cli.md) can find. Rules look at what a statement does on a running
database, not at its words; how serious a finding is depends on what is known of the tables. A rule
is named with or without `schema.`, with `_` or `-`. The settings that switch rules on and off are
in [check](check.md); `holdfast check --explain RULE` prints a section of this page.
"""


def rules() -> str:
    """`docs/reference/rules.md`."""
    pages = rulebook().pages.values()
    rows = [
        [f"[`{page.id}`](#{_anchor(page)})", page.title, "off" if page.off else "on"]
        for page in pages
    ]
    sections = ["\n".join(_section(page)) for page in pages]
    head = [f"# Rules\n\n{_NOTE}\n", _RULES, table(["rule", "about", ""], rows)]
    return "\n".join([*head, *sections])


def _anchor(page: Page) -> str:
    return page.id.removeprefix("schema.").replace("_", "-")


def _section(page: Page) -> Iterator[str]:
    yield f"## {_anchor(page)}\n"
    yield f"**{page.title}.**{' Off unless it is switched on.' if page.off else ''}\n"
    yield f"{page.text}\n"
    for heading, examples in (("Found", page.bad), ("Not found", page.good)):
        if examples:
            yield f"{heading}:\n"
            yield "\n\n".join(_block(each) for each in examples) + "\n"


def _block(sql: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in sql.strip().splitlines())


_TOOLS = """\
Whose migrations `holdfast check` reads, in the order in which it asks whose a folder is. `--tool`
names one, where it cannot be seen from names and contents. Which statements share a transaction is
what most findings hang on, so that each tool's own way is followed.
"""


def tools() -> str:
    """`docs/reference/migration-tools.md`."""
    parts = [f"# Migration tools\n\n{_NOTE}\n", _TOOLS]
    for name, tool in conventions().items():
        module = sys.modules[f"holdfast.schema.conventions.{name.replace('-', '_')}"]
        parts.append(f"## {tool.title}\n\n`--tool {name}`\n")
        parts.append(inspect.cleandoc(module.__doc__ or "") + "\n")
        parts.append(f"Example: [examples/check/{name}](../../examples/check/{name}).\n")
    return "\n".join(parts)
