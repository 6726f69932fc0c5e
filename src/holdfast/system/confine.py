"""Run a program that writes nowhere but beneath one folder, and talks to nobody over TCP.

This file is a program of its own that needs nothing but Python: it is handed to an interpreter of
the machine as text, makes itself polite and powerless, and becomes the program that it is asked
to run. Landlock, the kernel's own sandbox for ordinary users, does the confining: it holds for
every child too, and nobody can lift it again. On a kernel without it the program runs unconfined,
and `abi` is 0.

python3 -I -c TEXT FOLDER PROGRAM ARGUMENT...
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import sys

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_NO_NEW_PRIVILEGES = 38
_BENEATH = 1
# Access rights of the file system, by the version of Landlock that knows them.
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_REFER = 1 << 13
_BIND_AND_CONNECT = 3
_NICENESS = 10
_REMOTE = re.compile(r"^repo\d+-(type=(?!posix|cifs)|host=)", re.MULTILINE)


def abi() -> int:
    """The version of Landlock that this kernel has, 0 for none."""
    return max(0, _call(_CREATE, None, 0, 1))


def confine(folder: str, *, network: bool) -> bool:
    """Take this process's right to write outside of `folder`; whether the kernel did it.

    Without `network`, TCP is taken too where the kernel can (version 4).
    """
    version = abi()
    if not version:
        return False
    writing = _WRITE_FILE | _REMOVE_AND_MAKE
    writing |= _REFER if version >= 2 else 0
    writing |= _TRUNCATE if version >= 3 else 0
    rules = struct.pack("QQ", writing, 0 if network else _BIND_AND_CONNECT)
    ruleset = _call(_CREATE, rules, 16 if version >= 4 else 8, 0)
    if ruleset < 0:
        return False
    _allow(ruleset, folder, writing)
    _allow(ruleset, "/dev/null", writing & (_WRITE_FILE | _TRUNCATE))
    if ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    confined = _call(_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return confined


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    _call(_ADD_RULE, ruleset, _BENEATH, struct.pack("=Qi", rights, place), 0)
    os.close(place)


def _call(number: int, *arguments: object) -> int:
    found = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments)
    return int(found)


def _is_remote(folder: str) -> bool:
    """Whether the sandbox's repository is reached over the network."""
    try:
        with open(f"{folder}/conf/pgbackrest.conf", encoding="utf-8") as file:  # noqa: PTH123
            return bool(_REMOTE.search(file.read()))
    except OSError:
        return False


def main(folder: str, program: list[str]) -> None:
    """Become the program; without one, say which version of Landlock there is."""
    if not program:
        sys.stdout.write(f"{abi()}\n")
        return
    os.nice(_NICENESS)
    confine(folder, network=_is_remote(folder))
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
