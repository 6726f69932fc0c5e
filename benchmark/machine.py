"""On what the figures were taken: the machine, its programs, its load."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil  # type: ignore[import-untyped]

import holdfast
from holdfast.app.wiring import RealPlatform
from holdfast.core.units import show_bytes


def machine(folder: Path) -> dict[str, str]:
    """Facts in the order in which they are shown."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": show_bytes(psutil.virtual_memory().total),
        "file system": _file_system(folder),
        "kernel": platform.release(),
        "distribution": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def versions(of: RealPlatform) -> dict[str, str]:
    """Versions of everything that was measured, newest PostgreSQL only."""
    newest = of.installation(max(of.installed()))
    return {
        "holdfast": f"{holdfast.__version__} ({_commit()})",
        "python": platform.python_version(),
        "patroni": version("patroni"),
        "postgresql": _said(f"{newest.bindir}/postgres", "--version").split()[2],
        "pgbouncer": _said(newest.pgbouncer, "--version").split()[1],
        "pgbackrest": _said(newest.pgbackrest, "version").split()[1],
        "etcd": _said("etcd", "--version").split()[2],
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    kinds: dict[str, str] = {
        partition.mountpoint: partition.fstype for partition in psutil.disk_partitions(all=True)
    }
    return next(kinds[str(each)] for each in (folder, *folder.parents) if str(each) in kinds)


def _commit() -> str:
    root = Path(__file__).parents[1]
    try:
        return _said("git", "-C", str(root), "describe", "--always", "--dirty").strip()
    except (OSError, subprocess.CalledProcessError):
        return "no commit"


def _said(*argv: str) -> str:
    environment = os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    return subprocess.run(
        argv, capture_output=True, text=True, check=True, timeout=10, env=environment
    ).stdout
