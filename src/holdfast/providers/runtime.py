"""The data plane's private copy of the Python programs it runs.

The user who runs the databases can often neither read our virtual environment nor execute its
interpreter (it may stand under /root). So Patroni, the node agent and what they import are copied
into the home, without any network, and run by an interpreter of the machine with the same ABI.
A copy is named after its content and never changed.

There are two: the libraries with Patroni among them, and our own rooms. A new release of ours
thus restarts the agents, which nobody notices, and leaves Patroni and PostgreSQL alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import importlib.util
import re
import secrets
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import holdfast
from holdfast.core.errors import Bug, Error, NotFound
from holdfast.core.layout import Site
from holdfast.system.host import Host

ROOTS = ("patroni[etcd3,psycopg3]", "psycopg[binary]", "httpx")
"""Distributions that data-plane programs import."""
OWN_ROOMS = ("core", "system", "node")
"""Rooms of this package that the node agent needs."""

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
_PROBE = "import sys, sysconfig; print(sys.version_info[:2], sysconfig.get_config_var('SOABI'))"


@dataclass(frozen=True, slots=True)
class Runtime:
    """`libraries` goes on PYTHONPATH of programs that `python` runs with `-s`.

    Our own programs have `own` before it.
    """

    libraries: Path
    own: Path
    python: str


async def ensure(site: Site, host: Host) -> Runtime:
    """The copies of what is installed now, made if need be.

    Raises `NotFound` when the machine has no interpreter that the site's user may run.
    """
    python = await _interpreter(site, host)
    libraries = await asyncio.to_thread(lambda: list(_libraries()))
    own = await asyncio.to_thread(lambda: list(_own()))
    return Runtime(
        libraries=await _copied(site, host, python, libraries),
        own=await _copied(site, host, python, own),
        python=python,
    )


async def _copied(site: Site, host: Host, python: str, sources: list[tuple[Path, str]]) -> Path:
    name = await asyncio.to_thread(_digest, sources)
    folder = Path(site.runtime) / name
    if folder.exists():
        return folder
    beside = folder.with_name(f".{name}.{secrets.token_hex(4)}")
    try:
        if not await asyncio.to_thread(_copy, sources, beside):
            # The user cannot write here: without this, every start would compile anew.
            await host.run(
                [python, "-s", "-m", "compileall", "-q", str(beside)], timeout_s=300, check=False
            )
        await asyncio.to_thread(_settle, beside, folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)
    return folder


def prune(site: Site, keep: Runtime) -> list[str]:
    """Remove copies that no program's start script names. Gives their names."""
    scripts = [path.read_text() for path in Path(site.supervisor, "start").glob("*.sh")]
    removed = []
    for folder in sorted(Path(site.runtime).iterdir()):
        kept = folder in (keep.libraries, keep.own)
        used = kept or any(str(folder) in text for text in scripts)
        if not used and folder.is_dir() and not folder.name.startswith("."):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
    return removed


def distributions(roots: tuple[str, ...] = ROOTS) -> dict[str, importlib.metadata.Distribution]:
    """The roots and everything they need, as installed, by name.

    Conditions on platform and version are not evaluated: a conditional requirement belongs to
    the closure if it is installed. Raises `Error` when a plain one is missing.
    """
    found: dict[str, importlib.metadata.Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(root, True) for root in roots]
    while waiting:
        requirement, needed = waiting.pop()
        name, extras = _parsed(requirement)
        try:
            distribution = found.get(name) or importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if needed:
                raise Error(
                    f"python package {name} is not installed",
                    subject=f"package {name}",
                    hint="install holdfast again",
                ) from None
            continue
        found[name] = distribution
        for extra in ("", *extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting.extend(_requirements(distribution, extra))
    return dict(sorted(found.items()))


def _requirements(
    distribution: importlib.metadata.Distribution, extra: str
) -> Iterator[tuple[str, bool]]:
    """What it requires with this extra (`''`: always), and whether unconditionally."""
    for line in distribution.requires or []:
        requirement, _, condition = line.partition(";")
        named = _EXTRA.search(condition)
        if (named[1] if named else "") == extra:
            yield requirement.strip(), not condition.strip()


def _parsed(requirement: str) -> tuple[str, tuple[str, ...]]:
    match = _REQUIREMENT.match(requirement)
    if match is None:
        raise Bug(f"requirement {requirement!r} cannot be read")
    extras = tuple(part.strip() for part in (match[2] or "").split(",") if part.strip())
    return re.sub(r"[-_.]+", "-", match[1]).lower(), extras


def _libraries() -> Iterator[tuple[Path, str]]:
    """Every file of the libraries: where it is now, and its path in the copy."""
    for distribution in distributions().values():
        for file in distribution.files or []:
            if file.parts[0] != ".." and "__pycache__" not in file.parts:
                yield Path(str(distribution.locate_file(file))), str(file)


def _own() -> Iterator[tuple[Path, str]]:
    """The same of our own rooms."""
    package = Path(holdfast.__file__).parent
    yield from ((path, f"holdfast/{path.name}") for path in sorted(package.glob("*.py")))
    for room in OWN_ROOMS:
        for path in sorted((package / room).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path, f"holdfast/{path.relative_to(package)}"


def _digest(sources: list[tuple[Path, str]]) -> str:
    """Over our own files' content and the others' names and sizes: versions stand in them."""
    digest = hashlib.sha256(f"{sysconfig.get_config_var('SOABI')}\n".encode())
    for path, name in sources:
        try:
            own = name.startswith("holdfast/")
            mark = hashlib.sha256(path.read_bytes()).hexdigest() if own else path.stat().st_size
        except FileNotFoundError:
            continue
        digest.update(f"{name} {mark}\n".encode())
    return digest.hexdigest()[:16]


def _copy(sources: list[tuple[Path, str]], to: Path) -> bool:
    """Copy files, and what Python has compiled of them already. True if that is everything.

    Compiled code counts as long as its source keeps size and time of change; the interpreter
    of the copy has our own version.
    """
    to.mkdir(parents=True)
    complete = True
    for path, name in sources:
        if not path.is_file():
            continue
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
        if path.suffix == ".py":
            complete = _copy_compiled(path, target) and complete
    return complete


def _copy_compiled(source: Path, target: Path) -> bool:
    compiled = Path(importlib.util.cache_from_source(str(source)))
    copy = Path(importlib.util.cache_from_source(str(target)))
    copy.parent.mkdir(exist_ok=True)
    try:
        shutil.copyfile(compiled, copy)
    except FileNotFoundError:
        return False
    return True


def _settle(beside: Path, folder: Path) -> None:
    """Let everybody read the copy, then give it its name."""
    for path in (beside, *beside.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    if not folder.exists():
        beside.rename(folder)


async def _interpreter(site: Site, host: Host) -> str:
    """The first interpreter with our version and ABI that the site's user can run."""
    wanted = f"{tuple(sys.version_info[:2])} {sysconfig.get_config_var('SOABI')}"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    base = getattr(sys, "_base_executable", sys.executable)
    candidates = [base, f"/usr/bin/{version}", f"/usr/local/bin/{version}", "/usr/bin/python3"]
    for candidate in dict.fromkeys(path for path in candidates if path):
        try:
            done = await host.run(
                [candidate, "-s", "-c", _PROBE], user=site.os_user, timeout_s=20, check=False
            )
        except NotFound:
            continue
        if done.exit_code == 0 and done.text == wanted:
            return candidate
    raise NotFound(
        f"user {site.os_user} can run no {version} with ABI {sysconfig.get_config_var('SOABI')} "
        f"(tried {', '.join(dict.fromkeys(candidates))})",
        subject="python",
        hint=f"install {version} for all users, or make the virtual environment from /usr/bin",
    )
