"""Look up what databases refer to, and hold them against the rules of their tier.

What can only be said of a document together with something outside it: its tier, the site's
installed majors, today's date. Pure: all of these are parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from holdfast.core.finding import Finding, Location, Severity
from holdfast.core.units import show_bytes
from holdfast.spec.document import Document, Loaded
from holdfast.spec.model import (
    DatabaseSpec,
    Environment,
    ResolvedDatabase,
    SizeClass,
    TierSpec,
)
from holdfast.spec.suggest import listing, meant, show

CONNECTION_BYTES = 4 * 2**20
"""What an idle connection costs a node at the least: a process of its own and its caches."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a site knows that documents refer to.

    `tiers` are those in force on the site, built-in ones included; `installed` the majors of
    PostgreSQL found; `running` the major of each database that exists already, which stays as it
    is when the document names none; `today` is None where expiry is not to be looked at.
    """

    tiers: Mapping[str, TierSpec]
    sizes: Mapping[str, SizeClass]
    installed: Collection[int]
    running: Mapping[str, int] = field(default_factory=dict)
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """Resolved databases, the tiers that the documents bring, and every finding so far.

    `locations` has where each database's document starts, by name.
    """

    databases: tuple[ResolvedDatabase, ...]
    tiers: tuple[TierSpec, ...]
    findings: tuple[Finding, ...]
    locations: Mapping[str, Location]

    @property
    def ok(self) -> bool:
        """Whether no finding is an error."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


def resolve(loaded: Loaded, site: Surroundings) -> Resolution:
    """Resolve every valid database; the findings are those of `loaded` and of this step.

    Tiers among the documents count before the site's. A database with an error of its own, or
    whose tier has one, is not among the results; what can be said about it is still found.
    """
    new_tiers = [each.spec for each in loaded.documents if isinstance(each.spec, TierSpec)]
    tiers = {**site.tiers, **{tier.name: tier for tier in new_tiers}}
    coming = {each.name for each in loaded.broken if each.kind == "Tier"}
    databases, findings, locations = [], list(loaded.findings), {}
    for document in (*loaded.documents, *loaded.broken):
        if document.kind != "Database":
            continue
        found = list(_reference_faults(document, {*tiers, *coming}))
        tier = tiers.get(str(document.data.get("tier")))
        if isinstance(document.spec, DatabaseSpec) and tier is not None:
            found += _faults(document, document.spec, tier, site)
            if not found:
                databases.append(_resolved(document.spec, tier, site))
                locations[document.name] = document.places.value()
        findings += found
    return Resolution(
        databases=tuple(databases),
        tiers=tuple(new_tiers),
        findings=tuple(in_order(findings)),
        locations=locations,
    )


def in_order(findings: list[Finding]) -> list[Finding]:
    """Findings by file and place, so that a reader goes through a file once."""

    def place(finding: Finding) -> tuple[str, int, int]:
        where = finding.location
        return (where.file, where.line, where.column) if where else ("", 0, 0)

    return sorted(findings, key=place)


def _resolved(spec: DatabaseSpec, tier: TierSpec, site: Surroundings) -> ResolvedDatabase:
    size = site.sizes[spec.size]
    return ResolvedDatabase(
        spec=spec,
        tier=tier,
        size=size,
        version=spec.version or site.running.get(spec.name) or max(site.installed),
        nodes=spec.nodes or tier.nodes.default,
        max_connections=spec.connections or size.max_connections,
    )


def _error(
    document: Document, rule: str, path: tuple[str | int, ...], message: str, hint: str
) -> Finding:
    return Finding(
        id=f"spec.{rule}",
        severity=Severity.ERROR,
        subject=document.subject,
        message=message,
        hint=hint,
        location=document.places.value(*path),
    )


def _reference_faults(document: Document, tiers: Collection[str]) -> Iterator[Finding]:
    """Looks at the data as read, so that a broken document's tier is checked at once too."""
    tier = document.data.get("tier")
    if isinstance(tier, str) and tier not in tiers:
        hint = meant(tier, sorted(tiers))
        yield _error(document, "unknown-tier", ("tier",), f"there is no tier {show(tier)}", hint)


def _faults(
    document: Document, spec: DatabaseSpec, tier: TierSpec, site: Surroundings
) -> Iterator[Finding]:
    yield from _version_faults(document, spec, site)
    yield from _node_faults(document, spec, tier)
    yield from _override_faults(document, spec, tier)
    yield from _connection_faults(document, spec, site)
    yield from _expiry_faults(document, spec, tier, site.today)


def _version_faults(
    document: Document, spec: DatabaseSpec, site: Surroundings
) -> Iterator[Finding]:
    if not site.installed:
        message = "no installed PostgreSQL was found"
        hint = "install PostgreSQL, or name its folder in the settings"
        yield _error(document, "version-not-installed", ("version",), message, hint)
    elif spec.version is not None and spec.version not in site.installed:
        installed = listing(sorted(site.installed))
        message = f"PostgreSQL {spec.version} is not installed here; installed: {installed}"
        hint = f"install PostgreSQL {spec.version}, or choose an installed version"
        yield _error(document, "version-not-installed", ("version",), message, hint)


def _node_faults(document: Document, spec: DatabaseSpec, tier: TierSpec) -> Iterator[Finding]:
    allowed = tier.nodes
    if spec.nodes is not None and not allowed.min <= spec.nodes <= allowed.max:
        message = f"{spec.nodes} nodes, but {tier.name} allows {allowed.min} to {allowed.max}"
        hint = f"leave `nodes` out for {allowed.default}, or choose another tier"
        yield _error(document, "nodes-outside-tier", ("nodes",), message, hint)


def _override_faults(document: Document, spec: DatabaseSpec, tier: TierSpec) -> Iterator[Finding]:
    for path in spec.departures:
        if not tier.allows(".".join(path)):
            message = f"{tier.name} does not let a database set {'.'.join(path)}"
            hint = f"remove it, or allow it in the tier's `overrides` ({_choices(tier)})"
            yield _error(document, "override-not-allowed", path, message, hint)


def _choices(tier: TierSpec) -> str:
    return f"it has {listing(tier.overrides)}" if tier.overrides else "it has none"


def _connection_faults(
    document: Document, spec: DatabaseSpec, site: Surroundings
) -> Iterator[Finding]:
    size = site.sizes[spec.size]
    if (spec.connections or 0) * CONNECTION_BYTES > size.memory_bytes:
        most = size.memory_bytes // CONNECTION_BYTES
        message = (
            f"{spec.connections} connections do not fit into the {show_bytes(size.memory_bytes)} "
            f"of size {size.name}; at most {most} do"
        )
        hint = "let clients share connections through the pooled endpoint, or choose a larger size"
        yield _error(document, "too-many-connections", ("connections",), message, hint)


def _expiry_faults(
    document: Document, spec: DatabaseSpec, tier: TierSpec, today: date | None
) -> Iterator[Finding]:
    if spec.expires is None:
        return
    if spec.environment is Environment.PRODUCTION and not tier.may_expire:
        message = f"a production database of {tier.name} cannot have an end date"
        hint = "remove `expires`, or use another environment"
        yield _error(document, "expiry-not-allowed", ("expires",), message, hint)
    if today is not None and spec.expires < today:
        message = f"the end date {spec.expires} is in the past; today is {today}"
        hint = "write a date to come, or remove `expires`"
        yield _error(document, "expired", ("expires",), message, hint)
