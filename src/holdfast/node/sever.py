"""Breaking chosen server connections of a running PgBouncer, from outside.

PgBouncer 1.18 can drop all connections of a database (KILL), those of waiting clients too, but
not the ones to a host that hangs. Linux lets a process reach the descriptors of another one of
the same user (pidfd_getfd, since 5.6); shutting such a socket down looks to PgBouncer as if the
host had hung up: the stuck clients get an error, and nobody else notices.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PIDFD_GETFD = 438
"""The same number on every Linux architecture."""


def sever(pid: int, wanted: Callable[[object], bool]) -> int:
    """Shut down the sockets of a process whose peer's address is `wanted`; gives their number.

    An address is (host, port) for TCP, the path for a Unix socket. Raises OSError where the
    kernel does not allow it (Yama's ptrace_scope, an old kernel, another system).
    """
    opened = getattr(os, "pidfd_open", None)
    if opened is None:
        raise OSError("this system has no pidfd_open")
    handle = opened(pid)
    try:
        names = [int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()]
        return sum(_shut(handle, name, wanted) for name in names)
    finally:
        os.close(handle)


def _shut(handle: int, name: int, wanted: Callable[[object], bool]) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    copy = libc.syscall(_PIDFD_GETFD, handle, name, 0)
    if copy < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    try:
        peer = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return False
    with peer, suppress(OSError):
        if wanted(peer.getpeername()):
            peer.shutdown(socket.SHUT_RDWR)
            return True
    return False
