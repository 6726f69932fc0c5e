"""The README and the tutorial, typed in by somebody who believes every word.

A block marked `console` holds commands after `$ ` and what they print. The commands run for real,
in one site, in the order of the page; every line that the page shows has to be among the lines
that came. `...` stands for anything. What differs from run to run (times, sizes, ids, addresses,
which node leads) is compared by its form.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import find_program
from tests.scenario.site import ROOT, RealSite

TUTORIAL = ROOT / "docs/tutorial/first-database.md"
README = ROOT / "README.md"
COMMAND_S = 120

VARIABLE = (
    (r"\s+", " "),
    (r"op-[a-z0-9]{9}", "op-x"),
    (r"\d{8}-\d{6}F", "backup"),
    (r"127(\.\d+){3}", "address"),
    (r"orders-\d", "orders-n"),
    (r"\d+(?= writes| unknown)", "many"),
    (r"(?<= ok )\d+", "pid"),
    (r"\b(\d+(\.\d+)? (ms|s|min|h|d)\b ?)+|\bnow\b", "while "),
    (r"\d+(\.\d+)? (B|KiB|MiB|GiB)\b", "size"),
    (r"(?<=streaming )\d+|(?<=leader running )\d+", "timeline"),
    (r" +", " "),
)
"""Each pattern with what stands for it."""


@dataclass(frozen=True)
class Step:
    """A command of a page with the lines that it shows."""

    line: int
    command: str
    shown: tuple[str, ...]

    @property
    def fails(self) -> bool:
        """Whether the page shows an error."""
        return any(re.match(r"(ERROR|holdfast|psql: error):", line) for line in self.shown)


def blocks(page: Path) -> Iterator[list[Step]]:
    """The console blocks of a page."""
    block: list[Step] | None = None
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if block is None:
            block = [] if line == "```console" else None
        elif line == "```":
            yield block
            block = None
        elif line.startswith("$ "):
            block.append(Step(number, line[2:], ()))
        else:
            last = block.pop()
            block.append(Step(last.line, last.command, (*last.shown, line)))


def form(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, text in VARIABLE:
        line = re.sub(pattern, text, line)
    return line.strip()


def missing(shown: tuple[str, ...], came: str) -> list[str]:
    """The lines of the page that did not come; each line that came counts once."""
    left = [form(line) for line in came.splitlines()]
    gone = []
    for line in shown:
        if not line.strip() or line.strip() == "...":
            continue
        pattern = ".*".join(re.escape(part) for part in form(line).split("..."))
        match = next((each for each in left if re.fullmatch(pattern, each)), None)
        if match is None:
            gone.append(line)
        else:
            left.remove(match)
    return gone


@dataclass
class Reader:
    """Types commands into a shell in which `holdfast` is a command."""

    site: RealSite

    def environment(self) -> Mapping[str, str]:
        """As the pages ask for it."""
        command = self.site.folder / "holdfast"
        if not command.exists():
            command.write_text(f'#!/bin/sh\nexec {sys.executable} -m holdfast.cli.main "$@"\n')
            command.chmod(0o755)
        psql = find_program("psql")
        folders = [str(self.site.folder), *([str(Path(psql).parent)] if psql else [])]
        variables = self.site.variables()
        return {**variables, "PATH": ":".join([*folders, os.environ["PATH"]])}

    def follow(self, page: Path, steps: list[Step]) -> None:
        """Run a block's commands in one shell, and hold the page to what they print."""
        script = "".join(
            f"{step.command}\nstatus=$?; echo; echo '--end' $status; (exit $status)\n"
            for step in steps
        )
        begun = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", f"exec 2>&1\n{script}"], cwd=ROOT, env=self.environment(),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=COMMAND_S,
        )  # fmt: skip
        print(f"{page.name}:{steps[0].line}: {time.monotonic() - begun:.1f} s")
        came = re.split(r"^--end (\d+)\n", done.stdout, flags=re.MULTILINE)
        for step, text, status in zip(steps, came[::2], came[1::2], strict=False):
            told = f"{page.name}:{step.line}: $ {step.command}\n{text}ended with {status}"
            assert (status != "0") == step.fails, told
            assert missing(step.shown, text) == [], told
        assert len(came) == 2 * len(steps) + 1, done.stdout


@pytest.fixture(scope="module")
def reader(make_site) -> Reader:
    return Reader(make_site())


def test_the_tutorial_and_the_readme_say_what_happens(reader):
    """One story, because a cluster costs half a minute: the README's reader comes by in between."""
    tutorial = list(blocks(TUTORIAL))
    assert len(tutorial) > 15
    for block in tutorial:
        if block[0].command == "holdfast delete orders --yes":
            look_around(reader)
        reader.follow(TUTORIAL, block)
    assert reader.site.processes() == []


def look_around(reader: Reader) -> None:
    """What the README proposes after the demo, but for what `test_proofs` does to a demo."""
    # The demo would have made it.
    table = "create table pgbench_accounts (aid int primary key)"
    reader.site.run("connect", "orders", "--role", "migrator", "--", "-c", table)
    for block in blocks(README):
        if not re.search(r"holdfast (drill|down)", block[0].command):
            reader.follow(README, block)


def test_a_page_that_is_wrong_is_noticed():
    assert missing(("CREATE TABLE",), "CREATE TABLE\n") == []
    assert missing(("1001",), "1000\n") == ["1001"]
    assert missing(("a ... z",), "a lot, up to z\n") == []
    assert missing(("orders-1 leader", "orders-2 leader"), "orders-3 leader\n") == [
        "orders-2 leader"
    ]
    assert missing(("took 3.3 s",), "took 1 min 2 s\n") == []
    assert missing(("✓ loss", "✓ gap"), "✗ loss\n✓ gap\n") == ["✓ loss"]
