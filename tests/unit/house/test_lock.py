"""The lock files satisfy pyproject.toml, are hashed, and name no machine and no registry."""

import re
import tomllib
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[3]
LOCKS = ["lock-build.txt", "lock.txt", "lock-dev.txt"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;]+) \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def pins(lock: str) -> dict[str, Version]:
    lines = (ROOT / "requirements" / lock).read_text().splitlines()
    return {match[1]: Version(match[2]) for line in lines if (match := PIN.match(line))}


def unmet(requirements: list[Requirement], lock: dict[str, Version]) -> list[str]:
    return [
        str(wanted)
        for wanted in requirements
        if (pin := lock.get(canonicalize_name(wanted.name))) is None
        or not wanted.specifier.contains(pin, prereleases=True)
    ]


def environment(python: str, extra: str = "") -> dict[str, str]:
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": extra,
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_a_hash_or_a_comment(lock):
    lines = (ROOT / "requirements" / lock).read_text().splitlines()
    strange = [
        line
        for line in lines
        if not (PIN.match(line) or HASH.match(line) or line.strip().startswith("#") or not line)
    ]
    assert strange == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_line_names_a_registry_or_a_folder(lock):
    text = (ROOT / "requirements" / lock).read_text()
    for sign in ("://", "index-url", "find-links", "trusted-host", "file:/", " @ ", "pypi"):
        assert sign not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock):
    lines = (ROOT / "requirements" / lock).read_text().splitlines()
    after_pins = [after for line, after in pairwise(lines) if PIN.match(line)]
    assert after_pins
    assert [after for after in after_pins if not HASH.match(after)] == []


def asked_for(*extras: str) -> list[Requirement]:
    project = PROJECT["project"]
    more = [text for extra in extras for text in project["optional-dependencies"][extra]]
    return [Requirement(text) for text in [*project["dependencies"], *more]]


def test_the_lock_satisfies_what_the_platform_asks_for():
    assert unmet(asked_for("platform"), pins("lock.txt")) == []


def test_the_development_lock_satisfies_both():
    assert unmet(asked_for("platform", "dev"), pins("lock-dev.txt")) == []


def test_what_builds_the_package_is_locked_too():
    wanted = [Requirement(text) for text in PROJECT["build-system"]["requires"]]
    assert unmet(wanted, pins("lock-build.txt")) == []


def test_the_development_lock_moves_no_pin():
    both = pins("lock-dev.txt")
    assert {name: both[name] for name in pins("lock.txt")} == pins("lock.txt")


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_the_lock_is_complete_on_every_python(python):
    """Compiled on one version, installed on all: what each package asks for there is pinned."""
    lock = pins("lock-dev.txt")
    extras = {
        canonicalize_name(requirement.name): requirement.extras
        for requirement in asked_for("platform")
    }
    missing = []
    for name in lock:
        wanted = [Requirement(text) for text in metadata.requires(name) or []]
        for extra in ["", *extras.get(name, ())]:
            applies = [
                requirement
                for requirement in wanted
                if requirement.marker is None
                or requirement.marker.evaluate(environment(python, extra))
            ]
            missing += [f"{name}: {text}" for text in unmet(applies, lock)]
    assert missing == []


def test_an_unmet_requirement_is_seen():
    assert unmet([Requirement("click>=999"), Requirement("no-such-thing")], pins("lock.txt")) == [
        "click>=999",
        "no-such-thing",
    ]
