"""The reference page of documents, written from the tables that the loader itself uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from holdfast.core.change import Json
from holdfast.core.units import show_bytes, show_duration
from holdfast.spec import builtin
from holdfast.spec.kinds import KINDS
from holdfast.spec.load import MAX_DOCUMENTS
from holdfast.spec.model import API_VERSION, TierSpec
from holdfast.spec.names import IDENTIFIER_RULE, NAME_RULE, RESERVED
from holdfast.spec.owned_parameters import PLATFORM_OWNED
from holdfast.spec.text import MAX_BYTES
from holdfast.spec.tree import MAX_DEPTH, MAX_VALUES

_INTRODUCTION = f"""\
# Documents

<!-- Written from the code; `pytest tests/unit/spec --refresh-golden` writes it anew. -->

A document is a mapping in YAML 1.2 with `apiVersion: {API_VERSION}` and a `kind`. A file may hold
several, separated by `---`. An editor that knows JSON Schema completes and checks them with
`schema/holdfast.v1.schema.json`.

A file has at most {MAX_BYTES // 2**20} MiB and {MAX_DOCUMENTS:,} documents; a document at most
{MAX_VALUES:,} values, {MAX_DEPTH} levels deep, with the values behind aliases counted each time.
Tags, merge keys (`<<`) and directives are refused. Only `true` and `false` are booleans: `yes`,
`no`, `on` and `off` are texts.

A duration is numbers with units, such as `30s`, `5m`, `1h30m` or `7d`. A size has a binary unit,
such as `512MiB` or `10GiB`. A schedule is an interval such as `6h`, or five cron fields in UTC.
"""


def reference() -> str:
    """The whole page in Markdown."""
    parts = [_INTRODUCTION]
    for kind, fields in KINDS.items():
        parts += [
            f"## {kind}\n",
            f"{fields['description']} Fields with * are required.\n",
        ]
        parts += [_table(_HEAD, _rows(fields)), ""]
    parts += ["## Built-in tiers\n", _table(*_tiers()), ""]
    parts += ["## Sizes\n", "What each node gets.", "", _table(*_sizes()), ""]
    parts += ["## Names\n", _names(), ""]
    parts += ["## Parameters that no document sets\n", _table(*_owned())]
    return "\n".join(parts).rstrip() + "\n"


_DURATIONS = ("holdfast-duration", "holdfast-seconds")
_HEAD = ("field", "type", "allowed", "what it says")


def _rows(fields: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, ...]]:
    required = fields.get("required", ())
    for name, field in fields["properties"].items():
        path = f"{prefix}{name}"
        mark = " *" if name in required else ""
        yield f"`{path}`{mark}", _type(field), _allowed(field), _words(field)
        item = field.get("items", {})
        if "properties" in field:
            yield from _rows(field, f"{path}.")
        elif "properties" in item:
            yield from _rows(item, f"{path}[].")


def _type(field: Mapping[str, Json]) -> str:
    if str(field.get("format", "")).startswith(_DURATIONS):
        return "duration"
    names = {
        "holdfast-size": "size",
        "holdfast-schedule": "schedule",
        "holdfast-window": "window",
        "date": "date",
    }
    if field.get("format") in names:
        return names[field["format"]]
    kinds = field.get("type", "string")
    words = {"array": "list", "object": "mapping", "integer": "number", "string": "text"}
    listed = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(words.get(kind, kind) for kind in listed)


def _allowed(field: Mapping[str, Json]) -> str:
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    name, *bounds = str(field.get("format", "")).split(":")
    if name in _DURATIONS:
        return f"{bounds[0]} to {bounds[1]}"
    if "minimum" in field:
        return f"{field['minimum']} to {field['maximum']}"
    counts = {"maxLength": "characters", "maxItems": "items", "maxProperties": "entries"}
    return next((f"at most {field[k]} {word}" for k, word in counts.items() if k in field), "")


def _words(field: Mapping[str, Json]) -> str:
    words = str(field.get("description", ""))
    if "default" in field:
        words += f" Default: `{_yaml(field['default'])}`."
    examples = [each for each in field.get("examples", ()) if not isinstance(each, (list, dict))]
    return f"{words} Example: `{examples[0]}`." if examples else words


def _yaml(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tiers() -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    tiers = list(builtin.tiers().values())
    lines: dict[str, Callable[[TierSpec], str]] = {
        "availability": lambda tier: f"{tier.availability} %",
        "RPO": lambda tier: show_duration(tier.rpo_s) if tier.rpo_s else "0",
        "RTO": lambda tier: show_duration(tier.rto_s),
        "nodes": lambda tier: f"{tier.nodes.default} ({tier.nodes.min} to {tier.nodes.max})",
        "synchronous": lambda tier: f"{tier.synchronous}{', strict' if tier.strict else ''}",
        "full backup": lambda tier: f"`{tier.backup.full.text}`",
        "point in time": lambda tier: f"{tier.backup.retention_days} days back",
        "restore test": lambda tier: _every(tier.proofs.restore_test_every_s),
        "layers of proof": lambda tier: tier.proofs.layers,
        "restore to a marker": lambda tier: _every(tier.proofs.point_in_time_every_s),
        "failover drill": lambda tier: _every(tier.proofs.failover_drill_every_s),
        "credentials replaced": lambda tier: _every(tier.credential_age_s),
        "minor release installed": lambda tier: f"within {_days(tier.patch_window_s)}",
        "access reviewed": lambda tier: _every(tier.access_review_every_s),
    }
    head = ("", *(tier.name for tier in tiers))
    return head, ((name, *(line(tier) for tier in tiers)) for name, line in lines.items())


def _every(seconds: float | None) -> str:
    return "never" if seconds is None else f"every {_days(seconds)}"


def _days(seconds: float) -> str:
    days = round(seconds / 86400)
    return f"{days} days" if days > 1 else "day"


def _sizes() -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    head = ("size", "CPU", "memory", "storage", "connections")
    return head, (
        (
            f"`{size.name}`",
            str(size.cpu),
            show_bytes(size.memory_bytes),
            show_bytes(size.storage_bytes),
            str(size.max_connections),
        )
        for size in builtin.sizes().values()
    )


def _names() -> str:
    taken = _table(("name", "why it is taken"), ((f"`{n}`", why) for n, why in RESERVED.items()))
    return (
        f"For a database's document, {NAME_RULE}.\n\n"
        f"For databases and schemas inside it, {IDENTIFIER_RULE}.\n\n"
        "Words of SQL that would need quotes, names that begin with `pg_` or `holdfast`, and "
        "these are refused:"
        f"\n\n{taken}"
    )


def _owned() -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    return ("parameter", "reason"), (
        (f"`{name}`", reason) for name, reason in sorted(PLATFORM_OWNED.items())
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["-"] * len(titles), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )
