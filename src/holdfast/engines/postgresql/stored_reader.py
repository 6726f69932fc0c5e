"""Hash pieces of files and say which differ. A program of its own, like `system.confine`.

Reads a JSON list of [name, path, offset, length, sha1] from standard input; writes JSON: `bad`, a
list of sentences, and `bytes`, how many it has read. It opens files for reading only, and follows
no link in the last place.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys

_CHUNK = 2**20


def difference(path: str, offset: int, length: int, sha1: str) -> str:
    """How the piece differs, in words; empty when it is what it should be."""
    try:
        place = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    with os.fdopen(place, "rb") as file:
        file.seek(offset)
        digest, left = hashlib.sha1(usedforsecurity=False), length
        while left:
            chunk = file.read(min(_CHUNK, left))
            if not chunk:
                return f"ends {left} bytes early"
            digest.update(chunk)
            left -= len(chunk)
    return "" if digest.hexdigest() == sha1 else "has another checksum"


def main() -> None:
    """Read the request, answer it."""
    bad, count = [], 0
    for name, path, offset, length, sha1 in json.load(sys.stdin):
        problem = difference(path, offset, length, sha1)
        count += length
        if problem:
            bad.append(f"{name} {problem}")
    json.dump({"bad": bad, "bytes": count}, sys.stdout)


if __name__ == "__main__":
    main()
