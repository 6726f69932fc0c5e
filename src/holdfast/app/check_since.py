"""What a branch adds, asked of git, which is run as a program."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.core.errors import Error, NotFound, TimedOut

_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Added:
    """New lines by file (absolute paths); `base` is the commit that the branch left from."""

    base: str
    top: str
    lines: Mapping[str, tuple[range, ...]] = field(default_factory=dict)

    def has(self, path: str, first: int, last: int) -> bool:
        """Whether any of these lines is new."""
        ranges = self.lines.get(os.path.realpath(path), ())
        return any(each.start <= last and first < each.stop for each in ranges)

    def before(self, path: str) -> str | None:
        """The file's text at the base; None where it was not there."""
        name = os.path.relpath(os.path.realpath(path), self.top)
        answer = _run(["show", f"{self.base}:{name}"], self.top, check=False)
        return answer.stdout.decode(errors="replace") if answer.returncode == 0 else None


def added(revision: str, folder: str) -> Added:
    """Lines that are in the working tree and not where the branch left REVISION.

    Raises `NotFound` for a revision or a repository that is not there.
    """
    where = folder if Path(folder).is_dir() else str(Path(folder).parent)
    top = _run(["rev-parse", "--show-toplevel"], where).stdout.decode().strip()
    if revision.startswith("-"):
        raise NotFound(f"there is no revision {revision!r}", subject=f"revision {revision}")
    known = _run(["rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"], top, check=False)
    if known.returncode != 0:
        raise NotFound(
            f"git knows no revision {revision!r}",
            subject=f"revision {revision}",
            hint="fetch it first; a shallow clone needs `git fetch --unshallow`",
        )
    common = _run(["merge-base", known.stdout.decode().strip(), "HEAD"], top, check=False)
    base = (common if common.returncode == 0 else known).stdout.decode().strip()
    return Added(base, os.path.realpath(top), {**_changed(base, top), **_untracked(top)})


def _changed(base: str, top: str) -> dict[str, tuple[range, ...]]:
    text = _run(
        ["diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-renames",
         "--src-prefix=a/", "--dst-prefix=b/", base, "--"],
        top,
    ).stdout.decode(errors="replace")  # fmt: skip
    found: dict[str, tuple[range, ...]] = {}
    for part in re.split(r"^diff --git .*\n", text, flags=re.MULTILINE)[1:]:
        named = re.search(r'^\+\+\+ ("?)b/(.*?)\1\t?$', part, re.MULTILINE)
        if named is None:
            continue  # deleted, or binary
        name = named[2]
        if named[1]:
            name = name.encode("latin-1", "replace").decode("unicode_escape")
            name = name.encode("latin-1", "replace").decode(errors="replace")
        found[os.path.realpath(Path(top, name))] = tuple(
            range(int(hunk[1]), int(hunk[1]) + int(hunk[2] or 1)) for hunk in _HUNK.finditer(part)
        )
    return found


def _untracked(top: str) -> dict[str, tuple[range, ...]]:
    names = _run(["ls-files", "--others", "--exclude-standard", "-z"], top).stdout
    everything = (range(1, 2**62),)
    return {
        os.path.realpath(Path(top, name)): everything
        for name in os.fsdecode(names).split("\0")
        if name
    }


def _run(
    arguments: list[str], folder: str, *, check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    try:
        answer = subprocess.run(
            ["git", "-c", "core.quotePath=false", *arguments],
            cwd=folder,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise Error("git is not installed", hint="install git, or leave --since out") from None
    except subprocess.TimeoutExpired:
        raise TimedOut(f"git {arguments[0]} took longer than {_TIMEOUT_S} s") from None
    if check and answer.returncode != 0:
        said = answer.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise Error(f"git {arguments[0]} failed: {said}")
    return answer
