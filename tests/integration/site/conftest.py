"""Homes for real platforms, each gone after its test whatever happened to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.core.errors import Error
from holdfast.providers import local
from holdfast.providers.settings import Settings
from holdfast.system import processes
from tests.conftest import demand


@pytest.fixture
def new_home() -> Iterator[Callable[[], Settings]]:
    """Settings of a home that is not there yet; all of its processes are ended afterwards."""
    demand("etcd", "postgres")
    root = Path(tempfile.mkdtemp(prefix="hf-", dir="/tmp"))
    root.chmod(0o755)
    made: list[Settings] = []

    def make() -> Settings:
        made.append(Settings(root / f"home{len(made) + 1}"))
        return made[-1]

    yield make
    for settings in made:
        with contextlib.suppress(Error):
            end_all(settings)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def home(new_home: Callable[[], Settings]) -> Settings:
    return new_home()


def alive(settings: Settings) -> list[processes.Process]:
    """All processes of the site."""
    site = local.load(settings.home)
    return processes.site_processes(site.id, str(site.home))


def end_all(settings: Settings) -> None:
    """`kill -9` of every process of the site, as a crash of the machine does."""
    deadline = time.monotonic() + 20
    while found := alive(settings):
        assert time.monotonic() < deadline, found
        for one in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
        time.sleep(0.05)
