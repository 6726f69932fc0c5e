"""What supervisord reads: its own configuration, one file a program, one start script a program.

The script holds environment and arguments, because supervisord's file format can neither quote
every character nor keep a `;` or `%` in peace. Text only: `supervisor` writes it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.system.host import Program

START_RETRIES = 100_000
"""supervisord pauses one second longer after each failure and gives up after these many."""


@dataclass(frozen=True, slots=True)
class SupervisorPaths:
    """Where everything of one supervisord stands."""

    root: Path

    @property
    def configuration(self) -> Path:
        """supervisord's own file."""
        return self.root / "supervisord.conf"

    @property
    def socket(self) -> Path:
        """Where it takes orders."""
        return self.root / "supervisor.sock"

    @property
    def pid(self) -> Path:
        """Its pid."""
        return self.root / "supervisord.pid"

    @property
    def log(self) -> Path:
        """Its own log."""
        return self.root / "supervisord.log"

    @property
    def lock(self) -> Path:
        """Held while one is started."""
        return self.root / "start.lock"

    @property
    def definitions(self) -> Path:
        """One file a program."""
        return self.root / "conf.d"

    @property
    def scripts(self) -> Path:
        """One start script a program."""
        return self.root / "start"

    @property
    def launcher(self) -> Path:
        """The launcher's copy."""
        return self.root / "launch.sh"

    def definition(self, name: str) -> Path:
        """The program's section."""
        return self.definitions / f"{name}.ini"

    def script(self, name: str) -> Path:
        """The program's start script."""
        return self.scripts / f"{name}.sh"

    def state(self, user: str) -> Path:
        """Records and logs of the programs of one user, who owns the folder."""
        return self.root / "state" / user

    def record(self, user: str, name: str) -> Path:
        """Pid and start of the program's process."""
        return self.state(user) / f"{name}.pid"

    def output(self, user: str, name: str) -> Path:
        """What the program prints, unless it has a log file of its own."""
        return self.state(user) / f"{name}.log"


def supervisord_conf(
    paths: SupervisorPaths, identifier: str, *, as_root: bool, names: Sequence[str] = ("*",)
) -> str:
    """supervisord's configuration, with the programs that have one of these names."""
    definitions = " ".join(str(paths.definition(name)) for name in names)
    return f"""\
[supervisord]
identifier = {identifier}
logfile = {paths.log}
logfile_maxbytes = 5MB
logfile_backups = 1
pidfile = {paths.pid}
directory = /
umask = 027
minfds = 512
minprocs = 50
{"user = root" if as_root else ""}

[unix_http_server]
file = {paths.socket}
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files = {definitions}
"""


def definition(paths: SupervisorPaths, program: Program, user: str | None) -> str:
    """The program's section; `user` is whom it runs as, None for supervisord's own user."""
    switch = f"user = {user}\n" if user is not None else ""
    return f"""\
[program:{program.name}]
command = /bin/sh {paths.script(program.name)}
{switch}priority = {program.priority}
autostart = {str(program.autostart).lower()}
autorestart = true
startsecs = 1
startretries = {START_RETRIES}
stopsignal = {program.stop_signal}
stopwaitsecs = {program.stop_wait_s}
stopasgroup = false
killasgroup = false
stdout_logfile = NONE
stderr_logfile = NONE
"""


def script(
    paths: SupervisorPaths,
    program: Program,
    user: str,
    environment: Mapping[str, str],
) -> str:
    """The program's start script: environment, folder, launcher, arguments."""
    exports = "\n".join(
        f"export {name}={shlex.quote(value)}" for name, value in sorted(environment.items())
    )
    log = program.log_file or str(paths.output(user, program.name))
    command = shlex.join(
        ["/bin/sh", str(paths.launcher), str(paths.record(user, program.name)), log, *program.argv]
    )
    return f"#!/bin/sh\n{exports}\ncd {shlex.quote(program.folder)} || exit 1\nexec {command}\n"
