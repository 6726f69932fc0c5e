"""A made-up node for tests of the decision: a view to start from, and what commands do to it."""

from __future__ import annotations

from dataclasses import replace

from holdfast.node.databases import databases_text
from holdfast.node.view import (
    Check,
    Cluster,
    Command,
    Cut,
    Entry,
    Health,
    Hold,
    Member,
    Order,
    Point,
    Pooler,
    Release,
    Report,
    Side,
    Tell,
    View,
)

ME, SECOND, THIRD = "shop-1", "shop-2", "shop-3"
ADDRESSES = {ME: "10.0.0.1", SECOND: "10.0.0.2", THIRD: "10.0.0.3"}
DATABASES = ("shop", "stock")
SOCKETS = "/run/shop-1"
PORT = 5432
LAG_BOUND_BYTES = 1000
NOW = 1000.0


def host(member: str) -> str:
    return SOCKETS if member == ME else ADDRESSES[member]


def pooler(member: str, *, paused: bool = False, busy: int = 0) -> Pooler:
    return Pooler(
        file=databases_text(DATABASES, host(member), PORT),
        entries={name: Entry(host(member), paused) for name in DATABASES},
        busy=busy,
    )


def member(name: str, leader: str | None) -> Member:
    role = "primary" if name == leader else "replica"
    return Member(name, ADDRESSES[name], PORT, role, "running")


def view(
    leader: str | None = SECOND,
    *,
    checks: dict[str, Check] | None = None,
    rw: Pooler | None = None,
    ro: Pooler | None = None,
    order: Order | None = None,
    report: Report | None = None,
    trusted: bool = True,
    unmanaged: bool = False,
    written: int = 0,
) -> View:
    """A node whose cluster of three is in order, but for what is said otherwise."""
    if checks is None:
        checks = {
            name: Check(Health.PRIMARY if name == leader else Health.REPLICA) for name in ADDRESSES
        }
    return View(
        me=ME,
        socket_folder=SOCKETS,
        port=PORT,
        databases=DATABASES,
        lag_bound_bytes=LAG_BOUND_BYTES,
        cluster=Cluster(
            leader=leader,
            members={name: member(name, leader) for name in ADDRESSES},
            written=written,
            unmanaged=unmanaged,
            order=order,
            report=report,
        ),
        trusted=trusted,
        checks=checks,
        rw=rw or pooler(leader or SECOND),
        ro=ro or pooler(ME if leader != ME else SECOND),
    )


def after(before: View, commands: list[Command]) -> View:
    """The view once the commands are done and everything has come to rest."""
    for command in commands:
        before = _after(before, command)
    return before


def _after(before: View, command: Command) -> View:
    if isinstance(command, Tell):
        return replace(before, cluster=replace(before.cluster, report=command.report))
    side = "rw" if command.side is Side.RW else "ro"
    now = getattr(before, side)
    assert now is not None
    if isinstance(command, Point):
        found = host(command.member)
        entries = {
            name: Entry(found, now.entries[name].paused if name in now.entries else False)
            for name in before.databases
        }
        now = replace(now, file=command.file, entries=entries)
    elif isinstance(command, Hold):
        now = _paused(now, command.databases, True)
    elif isinstance(command, Release):
        now = _paused(now, command.databases, False)
    elif isinstance(command, Cut):
        now = replace(now, elsewhere=())
    return replace(before, **{side: now})


def _paused(now: Pooler, names: tuple[str, ...], paused: bool) -> Pooler:
    changed = {name: replace(now.entries[name], paused=paused) for name in names}
    return replace(now, entries={**now.entries, **changed})
