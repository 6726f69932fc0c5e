"""Supervised programs through supervisord: the real one of the `Services` protocol."""

from __future__ import annotations

import asyncio
import configparser
import contextlib
import os
import signal
import time
import xmlrpc.client
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holdfast.core.errors import Error, NotFound, TimedOut, Transient
from holdfast.system import processes, supervisor_files
from holdfast.system.accounts import account, current_account
from holdfast.system.files import make_folder, read_file, remove_path, trim, write_file
from holdfast.system.host import SITE_VARIABLE, Program, ServiceState, ServiceStatus
from holdfast.system.local_host import clean_environment
from holdfast.system.supervisor_files import SupervisorPaths
from holdfast.system.supervisor_rpc import SupervisorRpc

_LAUNCHER = Path(__file__).with_name("launch.sh")

# Fault codes of supervisord's xmlrpc module.
_BAD_NAME = 10
_ALREADY_STARTED = 60
_NOT_RUNNING = 70
_ALREADY_ADDED = 90

_STATES: dict[str, ServiceState] = {
    "RUNNING": "running",
    "STARTING": "starting",
    "STOPPING": "running",
    "STOPPED": "stopped",
    "EXITED": "stopped",
}
_STOPPED = ("STOPPED", "EXITED", "FATAL", "UNKNOWN")
_POLL_S = 0.05
_AFTER_KILL_S = 10.0


class Supervisor:
    """The programs of one supervisord, whose files stand in `folder`.

    Every program carries the site's mark. Errors: `Transient` when no supervisord answers,
    `NotFound` for a program that is not defined, `TimedOut` when one does not end.
    """

    def __init__(self, folder: str | os.PathLike[str], site_id: str) -> None:
        self.paths = SupervisorPaths(Path(folder))
        self.rpc = SupervisorRpc(str(self.paths.socket))
        self._site_id = site_id
        self._changing = asyncio.Lock()

    def prepare(self) -> None:
        """Make the folders and copy the launcher to where every program's user can read it."""
        for folder in ("", "conf.d", "start", "state"):
            make_folder(self.paths.root / folder, 0o711)
        put_file(self.paths.launcher, _LAUNCHER.read_bytes(), 0o755)

    def define(self, program: Program) -> bool:
        """Write the program's files without telling supervisord. True if anything changed."""
        who = account(program.user) if program.user else current_account()
        if not self.paths.state(who.name).exists():
            make_folder(self.paths.state(who.name), 0o750, who.name)
        script, section = self._files(program)
        at = self.paths.script(program.name)
        changed = put_file(at, script, 0o640)
        if os.geteuid() == 0 and at.stat().st_gid != who.gid:
            os.chown(at, 0, who.gid)
        return put_file(self.paths.definition(program.name), section) or changed

    def undefine(self, name: str) -> None:
        """Remove the program's section; a supervisord that starts later does not know it."""
        remove_path(self.paths.definition(name))

    async def matches(self, program: Program) -> bool:
        """Whether the program is defined exactly so."""
        return await asyncio.to_thread(self._is_defined, program)

    async def ensure(self, program: Program) -> bool:
        """Put the definition in place; a changed one restarts the program."""
        async with self._changing:
            known = program.name in await self._infos()
            if known and self._is_defined(program):
                return False
            if known:
                # Away first: were this interrupted after the files are written, the next
                # `ensure` would take the old process for the new definition.
                await self._forget(program.name)
            await asyncio.to_thread(self.define, program)
            await self._call("reloadConfig")
            await self._tolerating(_ALREADY_ADDED, "addProcessGroup", program.name)
            return True

    async def include_all(self) -> list[str]:
        """Take in every definition that supervisord was started without. Gives their names."""
        async with self._changing:
            known = await self._infos()
            missing = [name for name in self.defined() if name not in known]
            if self.configure() or missing:
                await self._call("reloadConfig")
            for name in missing:
                await self._tolerating(_ALREADY_ADDED, "addProcessGroup", name)
            return missing

    def configure(self, names: Sequence[str] = ("*",)) -> bool:
        """Write supervisord's configuration, with these programs only. True if it changed."""
        as_root = os.geteuid() == 0
        conf = supervisor_files.supervisord_conf(
            self.paths, f"holdfast-{self._site_id}", as_root=as_root, names=names
        )
        return put_file(self.paths.configuration, conf.encode())

    async def remove(self, name: str) -> None:
        """Stop the program and forget it, its record and its start script."""
        async with self._changing:
            record = self._record(name)
            await self._forget(name)
            for path in (self.paths.definition(name), self.paths.script(name), record):
                remove_path(path)
            await self._call("reloadConfig")

    async def start(self, name: str) -> None:
        """Start the program, at once even if it is waiting out a failure."""
        info = (await self._infos()).get(name)
        if info is None:
            raise NotFound(f"no program {name} is defined", subject=f"program {name}")
        if info["statename"] == "BACKOFF":
            await self._tolerating(_NOT_RUNNING, "stopProcess", name, False)
        await self._tolerating(_ALREADY_STARTED, "startProcess", name, False)

    async def stop(self, name: str) -> None:
        """Stop the program and return once its process has ended."""
        deadline = time.monotonic() + self._stop_wait_s(name) + _AFTER_KILL_S
        info = (await self._infos()).get(name)
        if info is not None and info["statename"] not in _STOPPED:
            await self._tolerating(_NOT_RUNNING, "stopProcess", name, False)
            while (await self._infos())[name]["statename"] not in _STOPPED:
                if time.monotonic() > deadline:
                    raise TimedOut(f"program {name} did not stop", subject=f"program {name}")
                await asyncio.sleep(_POLL_S)
        await self.end(name)

    async def end(self, name: str) -> None:
        """End the program's process although no supervisor knows of it. None there is fine.

        supervisord's own KILL does not reach an adopted process either: it ends the launcher.
        """
        pid = self.outlived(name)
        if pid is None:
            return
        section = self._section(name)
        _send(pid, signal.Signals[f"SIG{section.get('stopsignal', 'TERM')}"])
        if not await _ends(pid, self._stop_wait_s(name)):
            _send(pid, signal.SIGKILL)
            if not await _ends(pid, _AFTER_KILL_S):
                raise TimedOut(f"process {pid} of {name} did not end", subject=f"program {name}")

    async def restart(self, name: str) -> None:
        """`stop`, then `start`."""
        await self.stop(name)
        await self.start(name)

    async def status(self) -> dict[str, ServiceStatus]:
        """Every defined program by name. Empty when supervisord is not there."""
        try:
            infos = await self._infos()
        except Transient:
            return {}
        return {name: self._status(name, info) for name, info in infos.items()}

    def defined(self) -> dict[str, int]:
        """The priority of every program that has a definition, supervisord or not."""
        found = {}
        for path in sorted(self.paths.definitions.glob("*.ini")):
            section = self._section(path.stem)
            found[path.stem] = int(section.get("priority", "500"))
        return found

    def autostarting(self) -> set[str]:
        """Programs that start with supervisord."""
        return {name for name in self.defined() if self._section(name).get("autostart") == "true"}

    def trim_logs(self) -> None:
        """Empty logs that have grown too long, keeping one older part."""
        for log in self.paths.root.glob("state/*/*.log"):
            trim(log)

    def outlived(self, name: str) -> int | None:
        """The pid of the program's process by its record, whoever supervises it."""
        pid = processes.recorded(self._record(name))
        # The record's folder belongs to the program's user: believe only what carries our mark
        # and is that user's. Root's own programs carry the mark too.
        if pid is None or not processes.carries_mark(pid, self._site_id):
            return None
        who = self._section(name).get("user")
        uid = account(who).uid if who else os.geteuid()
        return pid if processes.owner_of(pid) == uid else None

    def log_of(self, name: str) -> Path:
        """Where the program's output goes, unless its definition names another file."""
        return self._record(name).with_suffix(".log")

    def _files(self, program: Program) -> tuple[bytes, bytes]:
        who = account(program.user) if program.user else current_account()
        environment = {
            **clean_environment(who),
            **program.environment,
            SITE_VARIABLE: self._site_id,
        }
        script = supervisor_files.script(self.paths, program, who.name, environment)
        switch = who.name if who.uid != os.geteuid() else None
        section = supervisor_files.definition(self.paths, program, switch)
        return script.encode(), section.encode()

    def _is_defined(self, program: Program) -> bool:
        script, section = self._files(program)
        return (
            read_file(self.paths.script(program.name)) == script
            and read_file(self.paths.definition(program.name)) == section
        )

    async def _forget(self, name: str) -> None:
        await self.stop(name)
        await self._tolerating(_BAD_NAME, "removeProcessGroup", name)

    def _status(self, name: str, info: dict[str, Any]) -> ServiceStatus:
        state = _STATES.get(info["statename"], "failed")
        pid = self.outlived(name)
        detail = str(info["spawnerr"])
        if info["statename"] == "BACKOFF":
            detail = f"{detail or 'it ended too soon'}; tried again"
        if pid is not None and state == "stopped":
            state, detail = "running", "it outlived its supervisor and nobody supervises it"
        if state not in ("running", "starting"):
            return ServiceStatus(name, state, detail=detail)
        age_s = processes.age_s(pid) if pid is not None else None
        uptime_s = age_s if age_s is not None else float(max(0, info["now"] - info["start"]))
        return ServiceStatus(name, state, pid or int(info["pid"]) or None, uptime_s, detail)

    def _section(self, name: str) -> dict[str, str]:
        parser = configparser.RawConfigParser()
        parser.read(self.paths.definition(name))
        section = f"program:{name}"
        return dict(parser.items(section)) if parser.has_section(section) else {}

    def _record(self, name: str) -> Path:
        user = self._section(name).get("user", current_account().name)
        return self.paths.record(user, name)

    def _stop_wait_s(self, name: str) -> float:
        return float(self._section(name).get("stopwaitsecs", "30"))

    async def _infos(self) -> dict[str, dict[str, Any]]:
        return {info["name"]: info for info in await self._call("getAllProcessInfo")}

    async def _call(self, method: str, *arguments: object) -> Any:
        try:
            return await self.rpc.call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            asked = f"{method}{arguments!r}"
            raise Error(
                f"supervisor declined {asked}: {fault.faultString}", subject="supervisor"
            ) from fault

    async def _tolerating(self, code: int, method: str, *arguments: object) -> None:
        """Call, and take one kind of fault for done already."""
        try:
            await self._call(method, *arguments)
        except Error as error:
            fault = error.__cause__
            if not (isinstance(fault, xmlrpc.client.Fault) and fault.faultCode == code):
                raise


def put_file(path: Path, content: bytes, mode: int = 0o640) -> bool:
    """Write the file unless it has this content already. True if it was written."""
    if read_file(path) == content:
        return False
    write_file(path, content, mode)
    return True


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


async def _ends(pid: int, within_s: float) -> bool:
    start = processes.start_of(pid)
    deadline = time.monotonic() + within_s
    while start is not None and processes.start_of(pid) == start:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True
