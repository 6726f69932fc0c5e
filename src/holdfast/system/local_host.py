"""This machine behind the `Host` door."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from holdfast.core.errors import Error, NotFound, Refused, TimedOut
from holdfast.system import ports
from holdfast.system.accounts import Account, account, current_account, owner_name
from holdfast.system.files import (
    list_folder,
    look_at,
    make_folder,
    read_file,
    remove_path,
    write_file,
)
from holdfast.system.host import SITE_VARIABLE, Completed, FileKind, FileStat, Services

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STDERR_TAIL = 800


class LocalHost:
    """Commands run as child processes, each in a process group of its own.

    File operations follow no link that somebody else than root or the caller could have made
    (`system.files`).

    `environment` goes to every command, on top of a clean one.
    """

    def __init__(
        self,
        name: str,
        address: str,
        services: Services,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._address = address
        self._services = services
        self._environment = dict(environment or {})

    @property
    def name(self) -> str:
        """How people call it."""
        return self._name

    @property
    def address(self) -> str:
        """The address its programs listen on."""
        return self._address

    @property
    def services(self) -> Services:
        """The supervisor of its programs."""
        return self._services

    async def run(
        self,
        argv: Sequence[str],
        *,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout_s: float = 60.0,
        check: bool = True,
    ) -> Completed:
        """See `Host.run`. Only root can run commands as somebody else."""
        who = _runner(user)
        process = await _spawn(argv, who, {**clean_environment(who), **self._environment}, env)
        try:
            async with asyncio.timeout(timeout_s):
                stdout, stderr = await process.communicate(stdin)
        except TimeoutError:
            raise TimedOut(
                f"{argv[0]} did not end within {timeout_s:g} s: {shlex.join(argv)[:300]}",
                subject=f"command {argv[0]}",
            ) from None
        finally:
            await _end(process)
        assert process.returncode is not None
        done = Completed(tuple(argv), process.returncode, stdout, stderr)
        if check and done.exit_code != 0:
            raise failed(done)
        return done

    async def read(self, path: str) -> bytes | None:
        """The file's content, None when there is no such file."""
        return await asyncio.to_thread(read_file, path)

    async def write(
        self, path: str, content: bytes, *, mode: int = 0o640, owner: str | None = None
    ) -> None:
        """Replace the file at once or not at all."""
        await asyncio.to_thread(write_file, path, content, mode, owner)

    async def make_folder(self, path: str, *, mode: int = 0o750, owner: str | None = None) -> None:
        """Make the folder and its missing parents; set mode and owner of the last one."""
        await asyncio.to_thread(make_folder, path, mode, owner)

    async def remove(self, path: str) -> None:
        """Remove a file or a whole tree. Absent is fine."""
        await asyncio.to_thread(remove_path, path)

    async def stat(self, path: str) -> FileStat | None:
        """What stands at the path, not following a link; None when nothing does."""
        return await asyncio.to_thread(_stat, path)

    async def stranger(self, address: str, port: int) -> str | None:
        """Who of outside of the site listens there, in words; None when nobody does."""
        site = self._environment.get(SITE_VARIABLE, "")
        return await asyncio.to_thread(ports.stranger, address, port, site)

    async def list(self, path: str) -> list[str]:
        """The names in a folder, sorted; empty when there is no such folder."""
        return await asyncio.to_thread(list_folder, path)


def clean_environment(who: Account) -> dict[str, str]:
    """What a command finds when nothing is asked for: nothing of ours leaks into it."""
    return {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "HOME": who.home,
        "USER": who.name,
        "LOGNAME": who.name,
    }


def failed(done: Completed) -> Error:
    """The error for a command that ended badly: the command and the end of its stderr."""
    said = done.stderr.decode(errors="replace").strip()[-_STDERR_TAIL:]
    how = f"was ended by signal {-done.exit_code}" if done.exit_code < 0 else "failed"
    return Error(
        f"{Path(done.argv[0]).name} {how} (exit code {done.exit_code}): "
        f"{said or 'it said nothing'} [{shlex.join(done.argv)[:300]}]",
        subject=f"command {done.argv[0]}",
    )


def _runner(user: str | None) -> Account:
    me = current_account()
    if user is None or user == me.name:
        return me
    if os.geteuid() != 0:
        raise Refused(
            f"user {me.name} cannot run commands as user {user}",
            subject=f"user {user}",
            hint="run holdfast as root",
        )
    return account(user)


async def _spawn(
    argv: Sequence[str], who: Account, clean: Mapping[str, str], env: Mapping[str, str] | None
) -> asyncio.subprocess.Process:
    switch: dict[str, Any] = {}
    if who.uid != os.geteuid():
        switch = {"user": who.uid, "group": who.gid, "extra_groups": list(who.groups)}
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**clean, **(env or {})},
            cwd="/",
            start_new_session=True,
            **switch,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise NotFound(
            f"cannot run {argv[0]} as {who.name}: {error.strerror}", subject=f"command {argv[0]}"
        ) from error


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the whole group of a command that is not needed any more and reap it."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _stat(path: str) -> FileStat | None:
    found = look_at(path)
    if found is None:
        return None
    return FileStat(
        _kind(found.st_mode), stat.S_IMODE(found.st_mode), owner_name(found.st_uid), found.st_size
    )


def _kind(mode: int) -> FileKind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISLNK(mode):
        return "link"
    return "socket" if stat.S_ISSOCK(mode) else "other"
