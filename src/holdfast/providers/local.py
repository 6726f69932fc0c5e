"""This machine as a place for databases: the home folder, its subnet, its OS user.

A site is allocated once and then kept in `site.json`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from holdfast.core.errors import Conflict, Error, NotFound, Refused
from holdfast.core.layout import API_PORT, ETCD_CLIENT_PORT, ETCD_PEER_PORT, Site
from holdfast.core.units import show_bytes
from holdfast.system.accounts import account, current_account
from holdfast.system.files import make_folder, read_file, write_file
from holdfast.system.ports import is_free, stranger

FORMAT = 2
"""Of the home folder. One that this version does not know is left alone.

Format 1 had no `control_user`: in such a home, `os_user` runs the control database too.
"""
_KNOWN_FORMATS = (1, FORMAT)
OS_USER = "holdfast"
CONTROL_USER = "holdfast-control"
NEEDED_BYTES = 2**30
# A Unix socket's path ends at 107 bytes; inside a home it needs up to 40, and names some more.
LONGEST_HOME = 64

_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._+@-]+")
_ATTEMPTS = 16


def load(home: Path) -> Site:
    """The site of this home.

    Raises `NotFound` when the home has none, `Refused` when another version made it.
    """
    content = read_file(home / "site.json")
    if content is None:
        raise NotFound(
            f"no platform in {home}", subject=f"home {home}", hint="start one with `holdfast up`"
        )
    try:
        found = json.loads(content)
        number = found["format"]
    except (ValueError, KeyError, TypeError):
        raise Error(f"{home / 'site.json'} is damaged", subject=f"home {home}") from None
    if number not in _KNOWN_FORMATS:
        age = "a newer" if isinstance(number, int) and number > FORMAT else "an older"
        raise Refused(
            f"{home} was made by {age} version of holdfast (format {number}, this one knows "
            f"{FORMAT})",
            subject=f"home {home}",
            hint="use that version, or another HOLDFAST_HOME",
        )
    control_user = found["control_user"] if number > 1 else ""
    return Site(PurePosixPath(home), found["id"], found["subnet"], found["os_user"], control_user)


def prepare_home(home: Path) -> None:
    """Make the home folder.

    Raises `Refused` for a path that cannot be a home, `Error` for one that cannot be written to.
    """
    _check_path(home)
    _make_home(home)


def allocate(
    home: Path,
    *,
    needed_bytes: int = NEEDED_BYTES,
    free: Callable[[str, int], bool] = is_free,
) -> Site:
    """The site of a prepared home, made when there is none yet.

    `free` says whether an address and port can be listened on. Raises `Error` when the disk is
    full, `Conflict` when the platform's ports are taken.
    """
    if (home / "site.json").exists():
        site = load(home)
    else:
        _check_space(home, needed_bytes)
        site = _new_site(home, free)
    for user in (site.os_user, site.database_user):
        _ensure_user(user)
        _check_reach(home, user)
    return site


def check_ports(site: Site) -> None:
    """Raise `Conflict` when somebody else listens where the site's own servers will."""
    for address, port in platform_ports(site):
        if (by := stranger(address, port, site.id)) is not None:
            raise _taken(address, port, by)


def platform_ports(site: Site) -> Iterator[tuple[str, int]]:
    """Where the site's own servers listen, clusters not counted."""
    yield site.api_address, API_PORT
    for address in site.etcd_addresses:
        yield address, ETCD_CLIENT_PORT
        yield address, ETCD_PEER_PORT


def _new_site(home: Path, free: Callable[[str, int], bool]) -> Site:
    as_root = os.geteuid() == 0
    user, control_user = (OS_USER, CONTROL_USER) if as_root else (current_account().name, "")
    site_id = secrets.token_hex(4)
    taken: list[tuple[str, int]] = []
    for subnet in _subnets(site_id):
        site = Site(PurePosixPath(home), site_id, subnet, user, control_user)
        taken = [place for place in platform_ports(site) if not free(*place)]
        if not taken:
            record = {
                "format": FORMAT,
                "id": site.id,
                "subnet": subnet,
                "os_user": user,
                "control_user": control_user,
            }
            write_file(home / "site.json", json.dumps(record, indent=1).encode() + b"\n", 0o644)
            return site
    # Sixteen subnets at once: somebody listens on every address of the machine.
    raise _taken(*taken[0], stranger(*taken[0], site_id) or "another program")


def _subnets(site_id: str) -> Iterator[str]:
    """Loopback /24s from 127.64 to 127.253, spread by the id so that two sites hardly meet."""
    for attempt in range(_ATTEMPTS):
        digest = hashlib.sha256(f"{site_id}/{attempt}".encode()).digest()
        yield f"127.{64 + digest[0] % 190}.{digest[1]}"


def _taken(address: str, port: int, by: str) -> Conflict:
    return Conflict(
        f"port {port} on {address} is in use by {by}",
        subject=f"port {port}",
        hint="stop that program, or choose another HOLDFAST_HOME",
    )


def _check_path(home: Path) -> None:
    text = str(home)
    if not home.is_absolute() or not _PLAIN_PATH.fullmatch(text):
        raise Refused(
            f"{text!r} cannot be a home: only letters, digits and ./_+@- may stand in its path",
            subject=f"home {text}",
            hint="choose another HOLDFAST_HOME",
        )
    if len(text) > LONGEST_HOME:
        raise Refused(
            f"{text} cannot be a home: its path has {len(text)} characters, and Unix sockets "
            f"inside it allow {LONGEST_HOME}",
            subject=f"home {text}",
            hint="choose a shorter HOLDFAST_HOME",
        )


def _make_home(home: Path) -> None:
    try:
        if not home.is_dir():
            make_folder(home, 0o711 if os.geteuid() == 0 else 0o700)
        # A name of its own: two starters at once must not take each other's file away.
        probe = home / f".writable-{secrets.token_hex(4)}"
        write_file(probe, b"")
        probe.unlink()
    except (Error, OSError) as error:
        raise Error(
            f"the home folder {home} cannot be written to: {error}",
            subject=f"home {home}",
            hint="give yourself the right to write there, or choose another HOLDFAST_HOME",
        ) from error


def _check_space(home: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(home).free
    if free < needed_bytes:
        raise Error(
            f"only {show_bytes(free)} are free in {home}, {show_bytes(needed_bytes)} are needed",
            subject=f"home {home}",
            hint="free some disk space, or choose a HOLDFAST_HOME on another disk",
        )


def _ensure_user(name: str) -> None:
    """Look the user of a part of the site up; as root, make it."""
    try:
        account(name)
    except NotFound:
        if os.geteuid() != 0:
            raise
    else:
        return
    done = subprocess.run(
        [
            "useradd", "--system", "--user-group", "--no-create-home",
            "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name,
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    # 9: somebody else made it in the meantime.
    if done.returncode not in (0, 9):
        raise Error(
            f"cannot make the system user {name}: {done.stderr.strip()}",
            subject=f"user {name}",
            hint=f"make a system user named {name}",
        )


def _check_reach(home: Path, user: str) -> None:
    """The user of a part of the site has to pass through every folder above the home."""
    who = account(user)
    if who.uid == os.geteuid():
        return
    for folder in (home, *home.parents):
        found = folder.stat()
        if found.st_uid == who.uid:
            passes = found.st_mode & 0o100
        elif found.st_gid in who.groups:
            passes = found.st_mode & 0o010
        else:
            passes = found.st_mode & 0o001
        if not passes:
            raise Refused(
                f"user {user}, who runs databases, cannot pass through {folder}",
                subject=f"home {home}",
                hint="choose a HOLDFAST_HOME outside of private folders",
            )
