"""File operations that nobody can lead astray, in folders of whoever it may be.

The control plane may run as root and works in folders that the data plane's user owns. Were
that user to put a link in the place of a folder, root would change what the link points to. So
every operation walks to its folder by descriptors, one name after the other, and then works
relative to the descriptor it holds.

A link is followed only where nobody but root or the caller could have put it: below the first
folder that somebody else can write to, every link is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from holdfast.core.errors import Error, Refused
from holdfast.system.accounts import account, owner_name

StrPath: TypeAlias = str | os.PathLike[str]

# To pass through a folder takes no right to list it, where the system knows the difference.
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CHANGE = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40


def read_file(path: StrPath, *, limit_bytes: int | None = None) -> bytes | None:
    """The file's content, None when there is no such file. A pipe is never waited for.

    Raises `Error` for what is no plain file, and for one that is longer than the limit.
    """
    try:
        with _walk(path) as (folder, name):
            file = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        # By the descriptor: a folder would be an error of its own as soon as it is a stream.
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise Error(f"{os.fspath(path)} is no plain file")
        with os.fdopen(file, "rb", closefd=False) as stream:
            content = stream.read() if limit_bytes is None else stream.read(limit_bytes + 1)
    finally:
        os.close(file)
    if limit_bytes is not None and len(content) > limit_bytes:
        raise Error(f"{os.fspath(path)} is longer than {limit_bytes} bytes")
    return content


def write_file(path: StrPath, content: bytes, mode: int = 0o640, owner: str | None = None) -> None:
    """Write beside the file, flush to disk, then rename over it."""
    who = account(owner) if owner is not None else None
    try:
        with _walk(path, follow=False) as (folder, name):
            replace_at(folder, name, content, mode, (who.uid, who.gid) if who else None)
    except OSError as error:
        raise _explained(error, f"cannot write {os.fspath(path)}") from error


def replace_at(
    folder: int, name: str, content: bytes, mode: int, owner: tuple[int, int] | None
) -> None:
    """`write_file` in the folder of this descriptor; `owner` is a user's and a group's number."""
    beside = f".{name}.{secrets.token_hex(4)}"
    try:
        file = os.open(beside, _MAKE, 0o600, dir_fd=folder)
        try:
            with os.fdopen(file, "wb", closefd=False) as stream:
                stream.write(content)
            if owner is not None and owner != (os.geteuid(), os.getegid()):
                os.fchown(file, *owner)
            os.fchmod(file, mode)
            os.fsync(file)
        finally:
            os.close(file)
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside, dir_fd=folder)
        raise
    # A rename is only safe from a power cut once the folder itself is on disk.
    listed = os.open(".", _LIST, dir_fd=folder)
    try:
        os.fsync(listed)
    finally:
        os.close(listed)


def make_folder(path: StrPath, mode: int = 0o750, owner: str | None = None) -> None:
    """Make the folder and its missing parents; set mode and owner of the last one."""
    who = account(owner) if owner is not None else None
    try:
        with _walk(path, make=True) as (folder, name):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=folder)
            made = _open_made(folder, name)
        try:
            found = os.fstat(made)
            if who is not None and (found.st_uid, found.st_gid) != (who.uid, who.gid):
                os.fchown(made, who.uid, who.gid)
            os.fchmod(made, mode)
        finally:
            os.close(made)
    except OSError as error:
        raise _explained(error, f"cannot make the folder {os.fspath(path)}") from error


def _open_made(folder: int, name: str) -> int:
    try:
        return os.open(name, _LIST, dir_fd=folder)
    except NotADirectoryError:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None


def remove_path(path: StrPath) -> None:
    """Remove a file or a whole tree, never what a link points to. Absent is fine."""
    try:
        with _walk(path, follow=False) as (folder, name):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                # By descriptors as well, or not at all where the system knows no such way.
                shutil.rmtree(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _explained(error, f"cannot remove {os.fspath(path)}") from error


def look_at(path: StrPath) -> os.stat_result | None:
    """What stands at the path, not following a link; None when nothing does."""
    try:
        with _walk(path, follow=False) as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def list_folder(path: StrPath) -> list[str]:
    """The names in a folder, sorted; empty when there is no such folder."""
    try:
        with _walk(path) as (folder, name):
            listed = os.open(name, _LIST, dir_fd=folder)
    except FileNotFoundError:
        return []
    try:
        return sorted(os.listdir(listed))  # noqa: PTH208 - a descriptor, not a path
    finally:
        os.close(listed)


def trim(path: StrPath, limit_bytes: int = 16 * 2**20) -> bool:
    """Copy a long log to `<log>.1` and empty it. True if it was too long.

    Programs append, so they go on at the beginning. The folder belongs to the program's user:
    what is no plain file of the folder's owner is left alone.
    """
    try:
        with _walk(path, follow=False) as (folder, name):
            file = os.open(name, _CHANGE, dir_fd=folder)
            with os.fdopen(file, "r+b") as stream:
                found = os.fstat(file)
                plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
                owned = found.st_uid == os.fstat(folder).st_uid
                if not plain or not owned or found.st_size <= limit_bytes:
                    return False
                stream.seek(-limit_bytes, os.SEEK_END)
                older, owner = stream.read(limit_bytes), (found.st_uid, found.st_gid)
                replace_at(folder, f"{name}.1", older, 0o640, owner)
                stream.truncate(0)
    except (OSError, Refused):
        return False
    return True


@contextlib.contextmanager
def _walk(path: StrPath, *, follow: bool = True, make: bool = False) -> Iterator[tuple[int, str]]:
    """The descriptor of the folder that the path's last name stands in, and that name.

    The last name may be a link to be followed, unless `follow` is False. `make` makes missing
    folders on the way.
    """
    whole = os.path.normpath(Path(path).absolute())
    names = [name for name in whole.split("/") if name]
    folder, at, trusted, links = os.open("/", _PASS), "", True, 0
    try:
        while len(names) > 1 or (names and follow):
            trusted = trusted and _is_ours(folder)
            target = _link(folder, names[0])
            if target is not None:
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                link = os.stat(names[0], dir_fd=folder, follow_symlinks=False)
                if not trusted or not _is_mine(link):
                    raise _refused(f"{at}/{names[0]}", whole, folder)
                names[:1] = [name for name in target.split("/") if name not in ("", ".")]
                if target.startswith("/"):
                    folder, at = _replaced(folder, os.open("/", _PASS)), ""
                continue
            if len(names) == 1:
                break
            at = os.path.normpath(f"{at}/{names[0]}")
            folder = _replaced(folder, _enter(folder, names.pop(0), make=make))
        yield folder, names[0] if names else "."
    finally:
        os.close(folder)


def _enter(folder: int, name: str, *, make: bool) -> int:
    try:
        return os.open(name, _PASS, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
    return os.open(name, _PASS, dir_fd=folder)


def _replaced(folder: int, by: int) -> int:
    os.close(folder)
    return by


def _link(folder: int, name: str) -> str | None:
    """Where the link points to, None for anything else. Put there later, it fails to open."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise


def _is_ours(folder: int) -> bool:
    """Whether only root and the caller can take something of theirs out of the folder."""
    found = os.fstat(folder)
    others = stat.S_IWOTH
    if found.st_gid not in (0, os.getegid()):
        others |= stat.S_IWGRP
    # In a sticky folder, as /tmp, everybody can put something, and remove their own only.
    return _is_mine(found) and (not found.st_mode & others or bool(found.st_mode & stat.S_ISVTX))


def _is_mine(found: os.stat_result) -> bool:
    return found.st_uid in (0, os.geteuid())


def _refused(link: str, whole: str, folder: int) -> Refused:
    owner = owner_name(os.fstat(folder).st_uid)
    return Refused(
        f"{link} is a symbolic link where user {owner} may put one: it is not followed",
        subject=f"file {whole}",
        hint=f"find out who made it, then put what it stands for in the place of {link}",
    )


def _explained(error: OSError, what: str) -> Error:
    hints = {
        errno.ENOSPC: "free some disk space",
        errno.EACCES: "give the user the right to write there",
    }
    return Error(
        f"{what}: {(error.strerror or str(error)).lower()}",
        hint=hints.get(error.errno or 0, ""),
    )
