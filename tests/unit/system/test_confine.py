"""A confined program writes beneath its folder alone, and so do its children."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.system import confine

TEXT = Path(confine.__file__).read_text()


def confined(folder: Path, *program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", TEXT, str(folder), *program],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def landlock():
    if confine.abi() < 4:
        pytest.skip("this kernel has no Landlock of version 4")


def test_it_says_which_version_the_kernel_has(tmp_path: Path):
    assert confined(tmp_path).stdout == f"{confine.abi()}\n"


def test_what_it_may_write_and_what_not(tmp_path: Path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "kept").write_text("x")
    script = (
        'cd "$1"; mkdir a && echo x > a/b && mv a/b c && rm c && echo ok >/dev/null && echo in; '
        'cd "$2"; cat kept; echo y > kept; rm kept; mkdir n; ln -s x l; echo z > n; nice'
    )
    done = confined(inside, "/bin/sh", "-c", script, "sh", str(inside), str(outside))
    assert done.stdout.splitlines() == ["in", f"x{min(19, os.nice(0) + 10)}"]
    assert [each.name for each in outside.iterdir()] == ["kept"]
    assert (outside / "kept").read_text() == "x"


@pytest.mark.parametrize(
    ("repository", "refused"), [("repo1-path=/r", True), ("repo1-type=s3", False)]
)
def test_the_network_is_there_for_a_remote_repository_alone(
    tmp_path: Path, repository: str, refused: bool
):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/pgbackrest.conf").write_text(f"[global]\n{repository}\n")
    code = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
    done = confined(tmp_path, sys.executable, "-c", code)
    assert ("PermissionError" in done.stderr) is refused
