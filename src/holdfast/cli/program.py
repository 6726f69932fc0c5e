"""Running the public commands, and others, for `demo`: shown first, listened to, then judged."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from holdfast.cli.stage import Stage
from holdfast.core.change import Json

_TOLD = 8
"""How many of the last lines of a command that failed are shown."""
_PAUSE_S = 0.2


class Failed(Exception):
    """A command of the story ended badly; `said` are the last lines it had to say."""

    def __init__(self, message: str, *, said: Sequence[str], exit_code: int) -> None:
        super().__init__(message)
        self.message = message
        self.said = tuple(said)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    shown: str
    exit_code: int
    stdout: str
    stderr: str
    took_s: float

    def data(self) -> list[Json]:
        """Its standard output as JSON, an object as a list of one."""
        found = json.loads(self.stdout or "[]")
        return found if isinstance(found, list) else [found]

    def failed(self) -> Failed:
        """That it ended badly."""
        said = (self.stderr.strip() or self.stdout.strip()).splitlines()[-_TOLD:]
        return Failed(
            f"{self.shown} ended with {self.exit_code}", said=said, exit_code=self.exit_code or 1
        )


class Program:
    """Runs commands in one environment and tells a stage of them."""

    def __init__(self, stage: Stage, environment: Mapping[str, str]) -> None:
        self._stage = stage
        self._environment = dict(environment)
        self._last: Ran | None = None

    def holdfast(self, *arguments: str, may_fail: bool = False) -> Ran:
        """A command of ours. Raises `Failed`."""
        shown = shlex.join(["holdfast", *_without_format(arguments)])
        return self.other(_ours(arguments), shown=shown, may_fail=may_fail)

    def silent(self, *arguments: str) -> str:
        """A command of ours of which nobody is told; its output. Raises `Failed`."""
        ran = self._run(_ours(arguments), shlex.join(["holdfast", *arguments]), {}, listen=False)
        if ran.exit_code != 0:
            raise ran.failed()
        return ran.stdout

    def other(
        self,
        argv: Sequence[str],
        *,
        shown: str,
        more: Mapping[str, str] | None = None,
        may_fail: bool = False,
    ) -> Ran:
        """Any command, shown as `shown`. Raises `Failed`."""
        self._stage.command(shown)
        ran = self._last = self._run(argv, shown, more or {}, listen=True)
        if ran.exit_code != 0 and not may_fail:
            raise ran.failed()
        return ran

    def found(self, pattern: str) -> str:
        """The first group of a pattern in what the last command printed.

        Raises `Failed` where there is no match.
        """
        assert self._last is not None
        match = re.search(pattern, self._last.stdout)
        if match is None:
            raise self._last.failed()
        return match[1]

    def _run(
        self, argv: Sequence[str], shown: str, more: Mapping[str, str], *, listen: bool
    ) -> Ran:
        begun = time.monotonic()
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self._environment, **more},
        )
        said: list[str] = []
        printed: list[str] = []
        assert process.stdout is not None
        assert process.stderr is not None
        reader = threading.Thread(target=lambda: printed.append(process.stdout.read()))  # type: ignore[union-attr]
        reader.start()
        try:
            for line in process.stderr:
                said.append(line)
                if listen:
                    self._stage.news(line.strip())
            process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
            reader.join()
        took_s = time.monotonic() - begun
        return Ran(shown, process.returncode, "".join(printed), "".join(said), took_s)


class Repeated:
    """A command that is started again whenever it ends, as long as the body runs.

    `secret` holds `HOLDFAST_DEMO_URI`, its last argument, and what else its environment needs.
    """

    def __init__(self, argv: Sequence[str], secret: Mapping[str, str]) -> None:
        more = dict(secret)
        self._argv = [*argv, more.pop("HOLDFAST_DEMO_URI")]
        self._more = more
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._repeat)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._over.is_set():
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin", **self._more},
            )
            while process.poll() is None and not self._over.wait(_PAUSE_S):
                pass
            if process.poll() is None:
                process.terminate()
            process.wait()
            self._over.wait(_PAUSE_S)


def _ours(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "holdfast.cli.main", *arguments]


def _without_format(arguments: Sequence[str]) -> list[str]:
    """The arguments as a person would type them, who reads tables."""
    found = list(arguments)
    if found[-2:] == ["-o", "json"]:
        del found[-2:]
    return found
