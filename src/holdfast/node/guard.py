"""What a node's agent does about its own server and its own Patroni: one pure function.

Patroni looks after PostgreSQL well, with three gaps that the agent closes. In the order in which
they are looked at, on the node that the leader's key names unless it says otherwise:

    what is seen                                         what is done
    ---------------------------------------------------  -------------------------------------
    etcd does not answer, or Patroni is told to leave    nothing: nobody else could take over
      PostgreSQL alone
    the server is provably down, and another member may  give the leader's key back at once
      take over
    the server's process exists and no new connection    end the server; Patroni sees that
      gets an answer, several times on end, and another
      member may take over, or the process is stopped
    Patroni's process exists and answers nobody, several end Patroni; its supervisor starts it
      times on end                                       again, and it finds its server running
    another member leads, this one's server takes writes end the server: there must not be two
      all the same, and Patroni answers nobody

*Provably down*: the pid file of a running server is there, its process is not, and nobody works
in the data folder. A server that was stopped on purpose has taken its pid file with it.

*Several times*: a hang is a timeout on both kinds of connection. An error is an answer, and so is
a refusal. While the agent itself gets no time to run, nobody's silence counts. A process that the
machine says is stopped (SIGSTOP, a debugger) needs fewer misses than one that is perhaps only slow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

MISSES = 4
"""Timeouts on end before a process that may be only slow is ended."""
MISSES_STOPPED = 2
"""The same, of one that the machine says is stopped."""
PROBE_EVERY_S = 3.0
PROBE_TIMEOUT_S = 3.0
STARVED_S = 1.0
"""A pause that took this much longer than it was meant to: the machine gives us no time."""
OUSTED_S = 3.0
"""How long another one may lead before a server that takes writes all the same is ended."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the node as the machine has it; `pid` is None when there is none."""

    pid: int | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """All that the guard decides from.

    `crashed` is that the server is provably down, `successor` that a synchronous member is there
    to take over, `gives_back` that the tier wants no restart in place. Misses are timeouts on end;
    `ousted_s` is how long another member has led while the own server took writes.
    """

    me: str
    leader: str | None
    trusted: bool
    unmanaged: bool = False
    server: Process = Process()
    crashed: bool = False
    patroni: Process = Process()
    server_misses: int = 0
    patroni_misses: int = 0
    successor: bool = False
    gives_back: bool = False
    ousted_s: float = 0.0


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Remove the leader's key if it still names this node."""

    reason: str


@dataclass(frozen=True, slots=True)
class EndServer:
    """SIGKILL for the postmaster."""

    pid: int
    reason: str


@dataclass(frozen=True, slots=True)
class EndPatroni:
    """SIGKILL for Patroni."""

    pid: int
    reason: str


Act: TypeAlias = GiveBack | EndServer | EndPatroni


def guard(sight: Sight) -> Act | None:
    """What has to be done now, if anything; see the table above."""
    if not sight.trusted or sight.unmanaged:
        return None
    if sight.leader != sight.me:
        return _ousted(sight)
    if sight.crashed and sight.gives_back and sight.successor:
        return GiveBack("the server is gone and nobody works in its data folder")
    # Where nobody can take over, a server that is only slow (its disk stalls) is waited for:
    # after a kill it would have to recover on that same disk.
    worth_it = sight.successor or sight.server.stopped
    if worth_it and _hangs(sight.server, sight.server_misses) and sight.server.pid is not None:
        return EndServer(sight.server.pid, _why("the server", sight.server, sight.server_misses))
    if _hangs(sight.patroni, sight.patroni_misses) and sight.patroni.pid is not None:
        return EndPatroni(sight.patroni.pid, _why("Patroni", sight.patroni, sight.patroni_misses))
    return None


def _ousted(sight: Sight) -> Act | None:
    """A second writer whom nobody demotes."""
    if sight.leader is None or sight.ousted_s < OUSTED_S or sight.server.pid is None:
        return None
    if sight.patroni.pid is not None and sight.patroni_misses == 0:
        return None  # it is Patroni's to demote, and Patroni is well
    return EndServer(sight.server.pid, f"{sight.leader} leads, and this server takes writes")


def _hangs(process: Process, misses: int) -> bool:
    return misses >= (MISSES_STOPPED if process.stopped else MISSES)


def _why(what: str, process: Process, misses: int) -> str:
    state = "is stopped" if process.stopped else "exists"
    return f"{what} {state} and gave no answer {misses} times on end"


@dataclass(frozen=True, slots=True)
class Count:
    """Timeouts on end of one process; another process begins anew."""

    pid: int | None = None
    misses: int = 0

    def after(self, pid: int | None, *, hung: bool, starved: bool) -> Count:
        """The count after one more probe of the process."""
        if pid is None or pid != self.pid:
            return Count(pid, 0 if starved or pid is None else int(hung))
        if starved:
            return self
        return replace(self, misses=self.misses + 1 if hung else 0)
