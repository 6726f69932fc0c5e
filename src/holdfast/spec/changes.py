"""What cannot be changed on a database that exists, each with its reason.

Encoding, locale and the layout on disk are fixed when a cluster is made: no field sets the first
two, and the others are refused here. Everything else a plan can reach.
"""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.core.finding import Finding, Location, Severity
from holdfast.spec.model import ResolvedDatabase


def refusals(
    old: ResolvedDatabase, new: ResolvedDatabase, location: Location | None = None
) -> list[Finding]:
    """One error for each change from `old` to `new` that no plan can make.

    `location` is where the new document stands, for the findings.
    """
    return [
        Finding(
            id=f"spec.cannot-change-{field}",
            severity=Severity.ERROR,
            subject=f"database {old.name}",
            message=message,
            hint=hint,
            location=location,
            evidence={"before": before, "after": after},
        )
        for field, before, after, message, hint in _refused(old, new)
    ]


def kept(
    old: ResolvedDatabase, new: ResolvedDatabase, location: Location | None = None
) -> list[Finding]:
    """One notice for each schema and extension that leaves the document and stays in the database.

    What is in a schema, or rests on an extension, is the application's: it alone can tell.
    """
    return [
        Finding(
            id=f"spec.{what}-kept",
            severity=Severity.NOTICE,
            subject=f"database {new.name}",
            message=f"{what} {name} leaves the document and stays in {database}: "
            "the application's objects may need it",
            hint=f"drop it as the migrator when nothing needs it any more: DROP {what.upper()} "
            f'"{name}"',
            location=location,
            evidence={"database": database, what: name},
        )
        for database, what, name in _left(old, new)
    ]


def _left(old: ResolvedDatabase, new: ResolvedDatabase) -> Iterator[tuple[str, str, str]]:
    present = {each.name: each for each in new.spec.databases}
    for before in old.spec.databases:
        after = present.get(before.name)
        if after is None:
            continue
        yield from ((before.name, "schema", e) for e in before.schemas if e not in after.schemas)
        names = {each.name for each in after.extensions}
        for extension in before.extensions:
            if extension.name not in names:
                yield before.name, "extension", extension.name


def _refused(
    old: ResolvedDatabase, new: ResolvedDatabase
) -> Iterator[tuple[str, object, object, str, str]]:
    if old.name != new.name:
        message = (
            f"the name cannot change from {old.name} to {new.name}: "
            "roles, certificates, backups and every connection string carry it"
        )
        hint = f"create {new.name} beside it and move the data"
        yield "name", old.name, new.name, message, hint
    if old.spec.engine != new.spec.engine:
        message = (
            f"the engine cannot change from {old.spec.engine} to {new.spec.engine}: "
            "they do not read each other's data"
        )
        hint = "create a second database and move the data"
        yield "engine", old.spec.engine, new.spec.engine, message, hint
    elif new.version < old.version:
        message = (
            f"the version cannot go down from {old.version} to {new.version}: "
            f"PostgreSQL {new.version} cannot read what {old.version} has written"
        )
        hint = f"keep `version: {old.version}`, or dump and load into a new database"
        yield "version", old.version, new.version, message, hint
    elif new.version > old.version:
        message = (
            f"the version cannot go up from {old.version} to {new.version} by an apply: "
            "a major upgrade rewrites the catalog, and this version of holdfast has none"
        )
        hint = f"keep `version: {old.version}`, or dump and load into a new database"
        yield "version", old.version, new.version, message, hint
