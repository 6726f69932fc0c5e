"""Who listens where."""

from __future__ import annotations

import socket

from holdfast.system import processes


def is_free(address: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that a connection in TIME_WAIT does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def stranger(address: str, port: int, site_id: str) -> str | None:
    """Who of outside of the site listens there: `process 4711 (nc -l 5432)`, or None."""
    if is_free(address, port):
        return None
    pid = processes.listener(address, port)
    if pid is None:
        return "a process that cannot be seen from here"
    if processes.carries_mark(pid, site_id):
        return None
    return f"process {pid} ({processes.command_of(pid)})"
