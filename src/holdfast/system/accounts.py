"""Users of the operating system."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

from holdfast.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class Account:
    """An entry of the user database; `groups` are all group ids of the user."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def account(name: str) -> Account:
    """Look a user up. Raises `NotFound`."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise NotFound(
            f"no user {name} on this machine",
            subject=f"user {name}",
            hint="run holdfast up as root to make it",
        ) from None
    return _account(entry)


def current_account() -> Account:
    """The user that this process runs as; one without an entry is called by its number."""
    try:
        return _account(pwd.getpwuid(os.geteuid()))
    except KeyError:
        uid, gid = os.geteuid(), os.getegid()
        return Account(str(uid), uid, gid, (gid,), os.environ.get("HOME", "/"))


def owner_name(uid: int) -> str:
    """The user's name, or its number as text."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _account(entry: pwd.struct_passwd) -> Account:
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir)
