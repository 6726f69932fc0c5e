"""What a node's two poolers should do next: one pure function from a view to commands.

The read-write pooler, in the order in which the rows are tried:

    the verified primary is          order (planned switchover)    then
    -------------------------------  ----------------------------  --------------------------
    none, but it cannot be judged    any                           leave the pooler as it is
      and the pooler points at it
    none, for nobody has the key,    none                          leave the pooler as it is
      and the pooler points at one
      that takes writes, which
      wait for a standby
    none                             any                           hold, and point at the
                                                                   leader to be
    the leader named in the order    there is one                  hold
    any other                        any or none                   point at it, then release

*Verified* means: the leader key names it and a connection to it says that it is not in
recovery. While etcd does not answer, or Patroni is told to leave PostgreSQL alone, the key
proves nothing; then the member that says so itself is taken, on the highest timeline if there
are two, and an order counts as gone, because nobody could lift it.

The read-only pooler points at this node's replica; failing that where it points already;
failing that at the next healthy replica in the order of names; failing that at the primary. It
never holds anybody back: a stale answer is not made better by waiting.

Server connections that lead elsewhere end by themselves when their transaction does. What is
still there after `GRACE_S` hangs on a host that will not answer, and is cut.

Deciding again on the state that the commands lead to gives no commands.
"""

from __future__ import annotations

from holdfast.node.databases import databases_text
from holdfast.node.view import (
    Command,
    Cut,
    Health,
    Hold,
    Phase,
    Point,
    Pooler,
    Release,
    Report,
    Side,
    Tell,
    View,
)

GRACE_S = 1.0
"""How long a server connection may lead elsewhere before it is cut."""

TICK_S = 3.0
"""How often everything is looked at although nothing seems to have happened."""

_ALERT_S = 0.25
_POLL_S = 0.1
_PROMOTION_POLL_S = 0.015
_SLOW_POLL_S = 0.5
_PATIENCE_S = 60.0


def decide(view: View, now: float) -> list[Command]:
    """The commands that the view calls for; `now` is in monotonic seconds."""
    commands: list[Command] = []
    if not view.cluster.members:
        # Nothing is known yet: neither a new cluster nor an agent that has just started while
        # etcd is away is a reason to touch anything.
        return commands
    if view.rw is not None:
        commands += _read_write(view, view.rw, now)
    if view.ro is not None and not _promotion_is_near(view):
        commands += _read_only(view, view.ro, now)
    moves = any(not isinstance(each, Tell) and each.side is Side.RW for each in commands)
    report = _report(view)
    # While the pooler moves, its state is out of date before it is read.
    if view.trusted and not moves and report is not None and report != view.cluster.report:
        commands.append(Tell(report, f"the read-write pooler is {report.state}"))
    return commands


def primary(view: View) -> str | None:
    """The member that is known to take writes, None when there is none to be sure of."""
    if _keyed(view):
        leader = view.cluster.leader
        return leader if view.health(leader) is Health.PRIMARY else None
    claims = [name for name, check in view.checks.items() if check.health is Health.PRIMARY]
    target = pointed_at(view, view.rw)
    known = [name for name in claims if name in view.cluster.members]
    return max(
        known,
        key=lambda name: (view.checks[name].timeline, name == target, name),
        default=None,
    )


def pointed_at(view: View, pooler: Pooler | None) -> str | None:
    """The member that a pooler serves all its databases from, None when there is no one such."""
    if pooler is None:
        return None
    hosts = {entry.host for name, entry in pooler.entries.items() if name in view.databases}
    if len(hosts) != 1:
        return None
    return next((name for name in view.cluster.members if view.host(name) in hosts), None)


def pace_s(view: View, held_s: float) -> float:
    """How long to wait before looking again if nothing happens; `held_s` since clients wait."""
    rw = view.rw
    if rw is None or not view.cluster.members:
        return _SLOW_POLL_S
    if _all_paused(view, rw):
        return _held_pace_s(view, rw, held_s)
    if rw.elsewhere or (view.ro and view.ro.elsewhere):
        return _ALERT_S
    return TICK_S


def _held_pace_s(view: View, rw: Pooler, held_s: float) -> float:
    leader, order = view.cluster.leader, view.cluster.order
    if held_s > _PATIENCE_S:
        return _SLOW_POLL_S
    if _keyed(view) and not rw.busy and leader in (None, order.leader if order else None):
        # Nothing to see until the leader key moves, and that is told.
        return _ALERT_S
    # One question takes a replica a millisecond.
    return _PROMOTION_POLL_S if _promotion_is_near(view) else _POLL_S


def _promotion_is_near(view: View) -> bool:
    """True while clients wait for a replica that has the key: nothing may come in between."""
    return (
        view.rw is not None
        and _keyed(view)
        and _all_paused(view, view.rw)
        and view.health(view.cluster.leader) is Health.REPLICA
    )


def _keyed(view: View) -> bool:
    """True when the leader key decides who leads."""
    return view.trusted and not (view.cluster.unmanaged and view.cluster.leader is None)


def _order_holds(view: View, leader: str | None) -> bool:
    """True while the order asks for this leader's clients to be held back."""
    order = view.cluster.order
    return order is not None and view.trusted and leader in (None, order.leader)


def _read_write(view: View, pooler: Pooler, now: float) -> list[Command]:
    leader = primary(view)
    if leader is None:
        if _beyond_judgement(view, pooler) or _goes_on(view, pooler):
            return []
        return _hold(view, pooler, _why_no_primary(view)) or _prepare(view, pooler)
    order = view.cluster.order
    if order is not None and _order_holds(view, leader):
        return _hold(view, pooler, f"operation {order.operation} moves the lead from {leader}")
    reason = f"{leader} leads and takes writes"
    return _point(view, pooler, Side.RW, leader, reason) + _settle(view, pooler, Side.RW, now)


def _beyond_judgement(view: View, pooler: Pooler) -> bool:
    """True when the check of the target says nothing about it and nothing says otherwise."""
    target = pointed_at(view, pooler)
    if view.health(target) is not Health.UNKNOWN:
        return False
    return not _keyed(view) or view.cluster.leader == target


def _goes_on(view: View, pooler: Pooler) -> bool:
    """True while a leader has lost its lease and takes writes all the same.

    Cut off from etcd, and with every member at its side, it may (Patroni's failsafe mode). Should
    it be about to be replaced, no commit is acknowledged that its successor has not got.
    """
    cluster = view.cluster
    return (
        _keyed(view)
        and cluster.leader is None
        and cluster.order is None
        and cluster.synchronous
        and view.health(pointed_at(view, pooler)) is Health.PRIMARY
    )


def _why_no_primary(view: View) -> str:
    leader = view.cluster.leader
    if not _keyed(view):
        return "etcd does not answer and no member takes writes"
    if leader is None:
        return "nobody leads"
    check = view.checks.get(leader)
    if check is None:
        return f"{leader} leads but was not asked"
    return f"{leader} leads but is {check.health}" + (f": {check.detail}" if check.detail else "")


def _hold(view: View, pooler: Pooler, reason: str) -> list[Command]:
    loose = tuple(
        name
        for name in view.databases
        if name in pooler.entries and not pooler.entries[name].paused
    )
    return [Hold(Side.RW, loose, reason)] if loose else []


def _prepare(view: View, pooler: Pooler) -> list[Command]:
    """Point a pooler that holds its clients at the leader to be, before that takes writes.

    Loading a configuration takes PgBouncer tens of milliseconds; that is over when the promotion
    is.
    """
    leader = view.cluster.leader
    if leader is None or not _keyed(view) or not _all_paused(view, pooler):
        return []
    return _point(view, pooler, Side.RW, leader, f"{leader} will lead")


def _point(view: View, pooler: Pooler, side: Side, member: str, reason: str) -> list[Command]:
    host = view.host(member)
    text = databases_text(view.databases, host, view.port_of(member))
    loaded = all(
        name in pooler.entries and pooler.entries[name].host == host for name in view.databases
    )
    if pooler.file == text and loaded:
        return []
    return [Point(side, member, text, reason)]


def _settle(view: View, pooler: Pooler, side: Side, now: float) -> list[Command]:
    """What is left to do about a pooler once it points where it should."""
    commands: list[Command] = []
    paused = tuple(
        name for name in view.databases if name in pooler.entries and pooler.entries[name].paused
    )
    if paused:
        commands.append(Release(side, paused, "its clients may go on"))
    if pooler.elsewhere and now - pooler.elsewhere_since >= GRACE_S:
        hosts = ", ".join(pooler.elsewhere)
        commands.append(Cut(side, pooler.elsewhere, f"connections to {hosts} do not end"))
    return commands


def _read_only(view: View, pooler: Pooler, now: float) -> list[Command]:
    target = _reader(view, pooler)
    if target is None:
        return []
    reason = f"{target} serves reads" + (" on this node" if target == view.me else "")
    return _point(view, pooler, Side.RO, target, reason) + _settle(view, pooler, Side.RO, now)


def _reader(view: View, pooler: Pooler) -> str | None:
    target = pointed_at(view, pooler)
    if target is not None and view.health(target) in (None, Health.UNKNOWN):
        return None
    healthy = [
        name for name in sorted(view.cluster.members) if _serves_reads(view, name, name == target)
    ]
    if view.me in healthy:
        return view.me
    if target in healthy:
        return target
    # The next name after this node's, so that three nodes without a replica of their own do not
    # all lean on the same one.
    after = [name for name in healthy if name > view.me]
    return next(iter(after + healthy), None) or primary(view)


def _serves_reads(view: View, name: str, in_use: bool) -> bool:
    """True for a replica that is near enough; one not in use has to be twice as near."""
    member, check = view.cluster.members[name], view.checks.get(name)
    if check is None or check.health is not Health.REPLICA or not member.readable:
        return False
    if view.trusted and not member.follows:
        return False
    lag_bytes = max(0, view.cluster.written - check.replayed)
    return lag_bytes <= (view.lag_bound_bytes if in_use else view.lag_bound_bytes // 2)


def _all_paused(view: View, pooler: Pooler) -> bool:
    entries = [pooler.entries.get(name) for name in view.databases]
    return all(entry is not None and entry.paused for entry in entries)


def _report(view: View) -> Report | None:
    if view.rw is None:
        return None
    order, target = view.cluster.order, pointed_at(view, view.rw) or ""
    operation = order.operation if order else ""
    if not _all_paused(view, view.rw):
        return Report(Phase.RUNNING, operation if _answered(view) else "", target=target)
    if order is None or not _order_holds(view, primary(view)):
        return Report(Phase.HELD, operation, target=target)
    state = Phase.PAUSING if view.rw.busy else Phase.PAUSED
    return Report(state, operation, blockers=view.rw.busy, target=target)


def _answered(view: View) -> bool:
    """True when the order has been carried out: somebody else leads and the clients go on."""
    order = view.cluster.order
    return order is not None and not _order_holds(view, primary(view))
