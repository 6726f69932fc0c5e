"""Rules over several fields of one valid document: promises that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.core.units import show_duration
from holdfast.spec.document import Path
from holdfast.spec.model import DEFAULT_LAYERS, DatabaseSpec, Synchronous, TierSpec
from holdfast.spec.sentences import Sentence

_RESTORING = {1, 2}
"""The layers of proof that restore a copy and start it."""


def contradictions(
    spec: DatabaseSpec | TierSpec, data: dict[str, object]
) -> Iterator[tuple[Path, Sentence]]:
    """What is wrong with a document whose fields are each right; `data` is it as read."""
    if isinstance(spec, TierSpec):
        yield from _node_rules(spec)
        yield from _loss_rules(spec)
        yield from _timing_rules(spec)
        yield from _layer_rules(spec)
        yield from _repository_rules(spec)
    else:
        yield from _twice(("databases",), data.get("databases"), "database")
        yield from _twice(("extensions",), data.get("extensions"), "extension")
        databases = data.get("databases")
        for number, database in enumerate(databases if isinstance(databases, list) else ()):
            path = ("databases", number, "extensions")
            yield from _twice(path, database.get("extensions"), "extension")
        yield from _canary_rules(spec)


def _twice(path: Path, items: object, what: str) -> Iterator[tuple[Path, Sentence]]:
    seen: set[str] = set()
    for number, item in enumerate(items if isinstance(items, list) else ()):
        name = item["name"] if isinstance(item, dict) else str(item)
        if name in seen:
            message = f"the {what} {name} stands in the list twice"
            yield (*path, number), Sentence("twice", message, "remove one of them")
        seen.add(name)


def _canary_rules(spec: DatabaseSpec) -> Iterator[tuple[Path, Sentence]]:
    names = [database.name for database in spec.databases]
    for number, canary in enumerate(spec.canaries):
        if canary.database and canary.database not in names:
            message = f"there is no database {canary.database} in this document"
            hint = f"write one of {', '.join(names)}"
            yield ("verify", number, "database"), Sentence("unknown-database", message, hint)


def _node_rules(tier: TierSpec) -> Iterator[tuple[Path, Sentence]]:
    nodes = tier.nodes
    if not nodes.min <= nodes.default <= nodes.max:
        message = f"nodes.default {nodes.default} is not within {nodes.min} and {nodes.max}"
        hint = "put `default` between `min` and `max`"
        yield ("nodes", "default"), Sentence("contradiction", message, hint)
    if tier.synchronous is not Synchronous.OFF and nodes.min < 2:
        message = f"synchronous {tier.synchronous} needs a standby, and nodes.min is {nodes.min}"
        hint = "write `min: 2` or more, or `synchronous: off`"
        yield ("nodes", "min"), Sentence("contradiction", message, hint)


def _loss_rules(tier: TierSpec) -> Iterator[tuple[Path, Sentence]]:
    lossless = tier.synchronous is not Synchronous.OFF and tier.strict
    archive_s = tier.backup.archive_timeout_s
    if tier.strict and tier.synchronous is Synchronous.OFF:
        message = "strict is true, and synchronous is off: there is nothing to be strict about"
        hint = "write `synchronous: quorum`, or `strict: false`"
        yield ("strict",), Sentence("contradiction", message, hint)
    if tier.rpo_s == 0 and not lossless:
        message = "rpo 0 holds only when a commit waits for a standby, always"
        hint = "write `synchronous: quorum` and `strict: true`, or a longer rpo"
        yield ("rpo",), Sentence("contradiction", message, hint)
    elif not lossless and tier.rpo_s <= archive_s:
        message = (
            f"rpo {show_duration(tier.rpo_s)} is not longer than backup.archiveTimeout "
            f"{show_duration(archive_s)}, so losing the last node would break it"
        )
        hint = "write a longer rpo, or a shorter archiveTimeout"
        yield ("rpo",), Sentence("contradiction", message, hint)


def _layer_rules(tier: TierSpec) -> Iterator[tuple[Path, Sentence]]:
    chosen: set[int] = set()
    for part in tier.proofs.layers.split(","):
        first, _, last = part.partition("-")
        if last and int(first) > int(last):
            message = f"proofs.layers has the range {part}, which goes backwards"
            yield ("proofs", "layers"), Sentence("contradiction", message, f"write {last}-{first}")
            return
        chosen |= {*range(int(first), int(last or first) + 1)}
    if not chosen >= _RESTORING:
        message = (
            f"proofs.layers {tier.proofs.layers} lacks layer 1 or 2: nothing would be restored"
        )
        hint = f'write "{DEFAULT_LAYERS}", or others with 1 and 2 among them'
        yield ("proofs", "layers"), Sentence("contradiction", message, hint)


def _repository_rules(tier: TierSpec) -> Iterator[tuple[Path, Sentence]]:
    second = tier.backup.second
    if second is None:
        return
    place = ("backup", "secondRepository")
    needed = {
        "posix": {"path": second.path != "/"},
        "s3": {
            name: bool(getattr(second, name))
            for name in ("bucket", "endpoint", "region", "credentials")
        },
    }[second.type]
    for name, is_there in needed.items():
        if not is_there:
            message = f"a second repository of the type {second.type} needs its {name}"
            yield place, Sentence("contradiction", message, f"write `{name}:`")


def _timing_rules(tier: TierSpec) -> Iterator[tuple[Path, Sentence]]:
    timing = tier.timing
    if timing.loop_wait_s + 2 * timing.retry_timeout_s > timing.ttl_s:
        message = (
            f"loopWait {timing.loop_wait_s} s + 2 * retryTimeout {timing.retry_timeout_s} s "
            f"is more than ttl {timing.ttl_s} s, so a healthy leader could lose its lock"
        )
        hint = "write a longer ttl, or shorter others"
        yield ("failover", "ttl"), Sentence("contradiction", message, hint)
    # One node is never failed over; its clocks bound nothing.
    floor_s = timing.ttl_s + timing.loop_wait_s
    if tier.nodes.max > 1 and tier.rto_s < floor_s:
        message = (
            f"rto {show_duration(tier.rto_s)} cannot be kept: a node that vanishes is replaced "
            f"after up to ttl + loopWait = {floor_s} s"
        )
        hint = f"write an rto of at least {floor_s}s, or shorter clocks under `failover`"
        yield ("rto",), Sentence("contradiction", message, hint)
