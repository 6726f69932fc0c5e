"""`pip install holdfast` alone: a handful of packages, and `check` runs with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Stands in front of the program: what `pip install holdfast` does not bring is not there.
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from holdfast.cli.main import main
main({arguments!r})
"""


def installed(requirements: list[str]) -> set[str]:
    """Every distribution that these bring, in this environment."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += [Requirement(text) for text in metadata.requires(name) or []]
    return found


@cache
def absent() -> set[str]:
    """Top-level modules of everything else in this environment."""
    present = {*installed(PROJECT["dependencies"]), "holdfast"}
    return {
        module
        for module, owners in metadata.packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & present
    }


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(absent=absent(), arguments=list(arguments))],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_it_brings_fewer_than_ten_packages() -> None:
    assert len(installed(PROJECT["dependencies"]) | {"holdfast"}) < 10


@pytest.mark.parametrize("how", ["text", "json"])
def test_check_runs_with_them(how: str) -> None:
    answer = run("check", "examples/check", "-o", how, "--effects")
    assert answer.returncode == 1, answer.stderr
    assert answer.stderr == ""
    assert "schema." in answer.stdout
    if how == "json":
        assert len(json.loads(answer.stdout)["tools"]) > 10


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["version"], ["check", "--help"]])
def test_so_does_what_tells_about_it(arguments: list[str]) -> None:
    assert run(*arguments).returncode == 0


@pytest.mark.parametrize("verb", [["up"], ["plan", "x.yaml"], ["get", "databases"], ["schema"]])
def test_a_verb_of_the_platform_says_how_to_install_it(verb: list[str]) -> None:
    answer = run(*verb)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 2
    assert "pip install 'holdfast[platform]'" in answer.stderr
