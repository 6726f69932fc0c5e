"""Everything that a reader can complain about, each with what it means and what to do.

The ids stand beside those of the rules: they can be switched off, ignored and explained alike.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.core.finding import Finding, Location, Severity


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of complaint: its severity, its documentation, what to do about one."""

    severity: Severity
    title: str
    docs: str
    hint: str = ""


ERROR, WARNING, NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE

PROBLEMS = {
    "schema.unreadable_file": Problem(
        ERROR,
        "A file cannot be read",
        "The file is missing, may not be opened, is no plain file, or is larger than what is read. "
        "Nothing in it was checked; everything else was.",
    ),
    "schema.encoding": Problem(
        WARNING,
        "A file is not UTF-8",
        "PostgreSQL's tools send a migration as UTF-8. Bytes that are no UTF-8 either stop the "
        "migration or arrive as other characters. The file was checked as Latin-1 or UTF-16, "
        "whichever it looks like.",
        "save the file as UTF-8",
    ),
    "schema.byte_order_mark": Problem(
        NOTICE,
        "A file begins with a byte order mark",
        "psql and Flyway take it away. Most other tools send it to the server, which answers with "
        "a syntax error at the first word.",
        "save the file as UTF-8 without a byte order mark",
    ),
    "schema.nul": Problem(
        ERROR,
        "A file has a NUL character",
        "No text of PostgreSQL can hold NUL; a program that sends it as a C string ends there, so "
        "that the rest of the file is silently left out.",
        "remove it",
    ),
    "schema.bad_name": Problem(
        WARNING,
        "The tool passes over a file because of its name",
        "The file stands among migrations, and its name is not what the tool looks for: it would "
        "never run, or it stops the tool. It was not checked.",
        "rename it as its neighbours are named",
    ),
    "schema.bad_header": Problem(
        ERROR,
        "A migration's own annotations are wrong",
        "The tool steers a migration by comments in it. One of them is missing, misspelt, or in "
        "the wrong place, and the tool would refuse the file or run something else than it says.",
    ),
    "schema.duplicate_version": Problem(
        ERROR,
        "Two migrations have the same version",
        "The tool refuses to start, or runs only one of the two. It happens when two branches each "
        "take the next number.",
        "give the later one a version of its own",
    ),
    "schema.two_heads": Problem(
        ERROR,
        "The history of migrations has several ends",
        "Two branches each added a migration behind the same one. The tool refuses to upgrade "
        "until they are joined, and nobody knows in which order they ran where both did.",
        "join them by a merge migration, or let one follow the other",
    ),
    "schema.broken_history": Problem(
        ERROR,
        "A migration follows one that is not there",
        "The version that it names as its predecessor is in no file, or the chain bites its own "
        "tail: the tool cannot order the migrations.",
    ),
    "schema.missing_down": Problem(
        NOTICE,
        "A migration has no way back",
        "Its neighbours can be reverted and this one cannot, so that a release can be rolled back "
        "only as far as here. Off unless it is switched on.",
        "write the down migration, or note that there is none",
    ),
    "schema.missing_up": Problem(
        ERROR,
        "A down migration without its up migration",
        "The tool refuses it, or reverts something that it never did.",
    ),
    "schema.mixed_transaction": Problem(
        ERROR,
        "Statements that need a transaction and such that must not be in one",
        "Flyway refuses a script that holds both kinds, unless `mixed` is set; with `mixed` it "
        "runs all of them without a transaction.",
        "put what cannot run in a transaction into a migration of its own",
    ),
    "schema.unseen": Problem(
        NOTICE,
        "A migration that cannot be read from its text",
        "Its SQL is made by a program when it runs. What it does was not checked.",
        "print its SQL with the tool and check that",
    ),
    "schema.bad_ignore": Problem(
        WARNING,
        "A comment that ignores findings has no reason, or cannot be understood",
        "An exception that nobody explained is one that nobody can take back. The comment has no "
        "effect until it is right: `-- holdfast: ignore RULE until=2027-01-01 because REASON`.",
        "write `because` and the reason",
    ),
    "schema.expired_ignore": Problem(
        WARNING,
        "A comment that ignores findings is out of date",
        "Its date has passed, so that it has no effect any more.",
        "settle what it put off, or give it a new date",
    ),
    "schema.unused_ignore": Problem(
        NOTICE,
        "A comment that ignores findings has none to ignore",
        "The statement has changed, or the rule's name is another. Left alone it would hide the "
        "next finding that nobody has looked at.",
        "remove it",
    ),
}

OFF_BY_DEFAULT = frozenset({"schema.missing_down"})


def problem(
    name: str,
    message: str,
    path: str,
    line: int = 1,
    column: int = 1,
    *,
    hint: str = "",
    **evidence: object,
) -> Finding:
    """A finding of one of the kinds above; `message` says what was seen."""
    kind = PROBLEMS[name]
    return Finding(
        id=name,
        severity=kind.severity,
        subject=path,
        message=message,
        hint=hint or kind.hint,
        location=Location(path, line, column),
        evidence={"why": kind.docs, **evidence},
    )
