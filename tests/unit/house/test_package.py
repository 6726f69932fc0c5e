"""The package holds what it needs at run time, not only its Python files."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_wheel_holds_every_tracked_file_of_the_package(tmp_path):
    code = f"from flit_core.buildapi import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=30)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    tracked = {name.removeprefix("src/") for name in listed.stdout.splitlines()}
    present = {name for name in tracked if (ROOT / "src" / name).exists()}
    assert present - packed == set()
    assert any(name.endswith("entry_points.txt") for name in packed)
