"""Which backups may go: never what a promise, or the last proof, rests on. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Held:
    """A backup in the repository; one with damaged pages is not `sound`."""

    label: str
    stopped_at: datetime
    sound: bool = True


def chain(label: str) -> str:
    """The full backup that a backup begins with, itself for a full one.

    pgBackRest's labels say so: `20261120-103028F_20261121-010000I`.
    """
    return label.partition("_")[0]


def expendable(
    backups: Sequence[Held],
    *,
    now: datetime,
    full: int,
    days: int,
    proven: Collection[str] = (),
) -> tuple[str, ...]:
    """The full backups that may go with all that depends on them, oldest first.

    What stays: the newest `full` sound chains; whatever a point in time of the last `days` needs;
    the newest chain of which a backup was `proven`, and everything while nothing is sound. A
    damaged chain counts for nothing, and goes when a sound one has come after it.
    """
    chains: dict[str, list[Held]] = {}
    for each in sorted(backups, key=lambda held: held.stopped_at):
        chains.setdefault(chain(each.label), []).append(each)
    # In the order of their full backups; one that has lost it is none.
    ordered = [label for label, held in chains.items() if held[0].label == label]
    sound = [label for label in ordered if chains[label][0].sound]
    if not sound:
        return ()
    kept = set(sound[-full:])
    begin = now - timedelta(days=days)
    before = [label for label in sound if chains[label][0].stopped_at <= begin]
    # A point in the window is reached from the newest chain that was complete before it.
    kept.update(sound[sound.index(before[-1]) :] if before else sound)
    newest_proof = max(
        (each for each in backups if each.label in proven and each.sound),
        key=lambda held: held.stopped_at,
        default=None,
    )
    if newest_proof is not None:
        kept.add(chain(newest_proof.label))
    newest = ordered.index(sound[-1])
    return tuple(
        label for place, label in enumerate(ordered) if label not in kept and place <= newest
    )
