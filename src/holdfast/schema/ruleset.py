"""The rules that there are, and what they say of one statement or one migration."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType

from holdfast.core.finding import Finding, Location
from holdfast.schema import rules
from holdfast.schema.effects.model import Cause
from holdfast.schema.report import Options
from holdfast.schema.rule import Hit, Step

CauseRule = Callable[[Step, Cause], Hit | None]
StatementRule = Callable[[Step], Iterable[Hit]]
MigrationRule = Callable[[Sequence[Step]], Iterable[tuple[Step, Hit]]]
DOCS = "docs/reference/rules.md"
"""Where every rule is described, in this repository."""


@cache
def modules() -> tuple[ModuleType, ...]:
    """Every rule, by file name."""
    return tuple(
        importlib.import_module(f"{rules.__name__}.{found.name}")
        for found in pkgutil.iter_modules(rules.__path__)
    )


def name_of(module: ModuleType) -> str:
    """The rule's id."""
    return "schema." + module.__name__.rpartition(".")[2]


@dataclass(slots=True)
class Ruleset:
    """The rules that are on, by what they listen to."""

    causes: dict[str, list[tuple[str, CauseRule]]] = field(default_factory=dict)
    statements: dict[str, list[tuple[str, StatementRule]]] = field(default_factory=dict)
    migrations: list[tuple[str, MigrationRule]] = field(default_factory=list)

    def of_step(self, step: Step) -> Iterator[Finding]:
        """What the rules say of one statement."""
        for cause in step.effects.causes:
            for rule, judge in self.causes.get(cause.kind, ()):
                hit = judge(step, cause)
                if hit is not None:
                    yield finding(rule, step, hit, cause)
        for kind in (step.kind, "*"):
            for rule, look in self.statements.get(kind, ()):
                for hit in look(step):
                    yield finding(rule, step, hit)

    def of_migration(self, steps: Sequence[Step]) -> Iterator[Finding]:
        """What they say of a migration as a whole."""
        for rule, look in self.migrations:
            for step, hit in look(steps):
                yield finding(rule, step, hit)


def ruleset(options: Options) -> Ruleset:
    """The rules that these options turn on."""
    found = Ruleset()
    for module in modules():
        rule = name_of(module)
        if rule in options.without or (options.only and rule not in options.only):
            continue
        if getattr(module, "STYLE", False) and not options.style and rule not in options.only:
            continue
        _listen(found, rule, module)
    return found


def _listen(found: Ruleset, rule: str, module: ModuleType) -> None:
    for kind in getattr(module, "CAUSES", ()):
        found.causes.setdefault(kind, []).append((rule, module.of_cause))
    for kind in getattr(module, "STATEMENTS", ()):
        found.statements.setdefault(kind, []).append((rule, module.of_statement))
    if hasattr(module, "of_migration"):
        found.migrations.append((rule, module.of_migration))


def finding(rule: str, step: Step, hit: Hit, cause: Cause | None = None) -> Finding:
    """A hit in the house's currency."""
    subject = hit.subject
    if not subject and cause is not None and cause.relation is not None:
        subject = f"table {cause.relation.short}"
    return Finding(
        rule,
        hit.severity,
        subject or "statement",
        hit.message,
        hint_of(rule),
        Location(step.path, step.line, step.column),
        _evidence(rule, hit, step.index),
    )


def _evidence(rule: str, hit: Hit, statement: int) -> dict[str, object]:
    name = rule.removeprefix("schema.")
    return {
        "safe": hit.safe,
        "why": hit.why or why_of(rule),
        "docs": f"{DOCS}#{name.replace('_', '-')}",
        "statement": statement,
        "rows": list(_module(rule).ROWS),
    }


@cache
def _module(rule: str) -> ModuleType:
    return importlib.import_module(f"{rules.__name__}.{rule.removeprefix('schema.')}")


@cache
def hint_of(rule: str) -> str:
    """The last paragraph of the rule's documentation: what to do instead."""
    text = " ".join((_module(rule).__doc__ or "").strip().split("\n\n")[-1].split())
    text = text.removeprefix("Instead: ")
    return text[:1].upper() + text[1:]


@cache
def why_of(rule: str) -> str:
    """The second paragraph of the rule's documentation, on one line."""
    paragraphs = (_module(rule).__doc__ or "").strip().split("\n\n")
    return " ".join(paragraphs[1].split()) if len(paragraphs) > 1 else ""
