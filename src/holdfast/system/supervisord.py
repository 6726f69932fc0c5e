"""supervisord, made to reap at once, and also what its programs leave behind.

Patroni starts PostgreSQL so that it outlives Patroni; when Patroni then stops it, the postmaster
is nobody's child but that of process 1. In a container or a small virtual machine process 1 may
reap seconds later or never, and until then the dead postmaster looks alive: measured on such a
machine, a planned switchover took 4.2 s instead of 0.5 s. So this supervisord adopts such orphans
(a child subreaper), and wakes up as soon as a child has ended instead of once a second. It also
forgets descriptors that can only report an error, where supervisord's own loop would spin.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys

from supervisor import poller
from supervisor.options import ServerOptions
from supervisor.supervisord import go

_PR_SET_CHILD_SUBREAPER = 36
"""From linux/prctl.h."""


class WakingPoller(poller.PollPoller):  # type: ignore[misc]
    """A poller whose wait ends when a signal arrives, and that does not spin."""

    def initialize(self) -> None:
        """Watch a pipe that the interpreter writes to for every signal."""
        super().initialize()
        self._wake, self._signalled = os.pipe()
        for end in (self._wake, self._signalled):
            os.set_blocking(end, False)
        self._poller.register(self._wake, self.READ)
        signal.set_wakeup_fd(self._signalled, warn_on_full_buffer=False)

    def _poll_fds(self, timeout: float) -> list[tuple[int, int]]:
        ready = super()._poll_fds(timeout)
        if any(fd == self._wake for fd, _ in ready):
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 4096)
        return [
            (fd, events)
            for fd, events in ready
            if fd != self._wake and not self._forgotten(fd, events)
        ]

    def _forgotten(self, fd: int, events: int) -> bool:
        """Stop watching a descriptor that reports nothing but an error, as nobody handles that.

        It happens when a program ends and the number of its output pipe, still watched, goes to
        the input of one that starts in the same round. Our programs read from /dev/null, so that
        pipe is broken from the start, and every poll would return at once, for ever.
        """
        if events & (self.READ | self.WRITE | select.POLLNVAL):
            return False
        self._poller.unregister(fd)
        self.readables.discard(fd)
        self.writables.discard(fd)
        return True


class Options(ServerOptions):  # type: ignore[misc]
    """supervisord's options with the waking poller."""

    def __init__(self) -> None:
        super().__init__()
        self.poller = WakingPoller(self)

    def daemonize(self) -> None:
        """Become a daemon that adopts orphans: the mark does not survive the fork before it."""
        super().daemonize()
        adopt_orphans()


def adopt_orphans() -> bool:
    """Have descendants without a parent become our children. False where the kernel cannot."""
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def main() -> None:
    """Run supervisord with the arguments of the command line."""
    options = Options()
    options.realize(doc=__doc__)
    options.first, options.test = True, False
    go(options)


if __name__ == "__main__":
    main()
