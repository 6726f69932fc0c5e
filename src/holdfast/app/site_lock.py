"""One `up` or `down` at a time on a home."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from holdfast.core.errors import Conflict

_POLL_S = 0.1


@asynccontextmanager
async def held(path: Path, *, timeout_s: float = 120.0) -> AsyncIterator[None]:
    """Hold the lock file; the kernel lets go of it when the process ends, however it ends.

    Raises `Conflict` naming the holder when it is not free in time.
    """
    deadline = time.monotonic() + timeout_s
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    holder = os.pread(file, 20, 0).decode(errors="replace").strip()
                    raise Conflict(
                        f"process {holder} is starting or stopping the platform in {path.parent}",
                        subject=f"home {path.parent}",
                        hint="wait for it, then try again",
                    ) from None
            await asyncio.sleep(_POLL_S)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)
