"""Run every drill, again and again with other seeds, on a site of its own; keep what they saw.

    make drills                         each drill once
    make drills DRILLS_ARGS="--rounds 7 --load heavy"

Records (the evidence) and raw data (every write) of each run go into `build/drills`, and a table of
all runs into `build/drills/runs.md`. Exits with 1 unless every run is proven.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HOLDFAST = str(Path(sys.executable).with_name("holdfast"))
HEADINGS = ("drill", "seed", "verdict", "acknowledged", "lost", "gaps (s)", "reasons")


class Site:
    """A platform in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.environment = {**os.environ, "HOLDFAST_HOME": str(home)}
        self.environment.pop("HOLDFAST_DATABASE_URL", None)

    def run(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [HOLDFAST, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            raise SystemExit(f"holdfast {' '.join(arguments)}: {done.stderr.strip()}")
        if done.returncode not in (0, 1):
            print(done.stderr.strip(), flush=True)
        return done.stdout

    def drill(self, name: str, seed: int, load: str) -> dict[str, Any] | None:
        """One run; its record with the raw data, None where it left none."""
        said = self.run(
            "drill", "orders", name, "--seed", str(seed), "--load", load,
            "--consent", "make drills", "--yes", "-o", "json", check=False,
        )  # fmt: skip
        if not said.strip():
            return None
        operation = json.loads(said)["id"]
        found = self.run("drill", "--report", operation, "-o", "json", check=False)
        if not found.strip():
            return None
        record: dict[str, Any] = json.loads(found)
        record["raw"] = self.run("drill", "--raw", operation, check=False)
        return record


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drills", nargs="*", help="drills to run; all of them without any")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--load", default="normal")
    parser.add_argument(
        "--minutes", type=float, default=1440.0, help="begin no run after this long"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "drills")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="holdfast-drills-"))
    home.chmod(0o755)
    site = Site(home / "home")
    given.output.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, ...]] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    end = time.monotonic() + given.minutes * 60
    try:
        site.run("up")
        site.run("apply", str(ROOT / "examples" / "orders.yaml"), "--yes")
        names = given.drills or [
            each["id"] for each in json.loads(site.run("drill", "--list", "-o", "json"))
        ]
        for seed in range(given.first_seed, given.first_seed + given.rounds):
            for name in names:
                if time.monotonic() > end:
                    break
                rows.append(_kept(given.output, name, seed, site.drill(name, seed, given.load)))
                print("  ".join(rows[-1]), flush=True)
                _write_table(given.output / "runs.md", rows)
    finally:
        site.run("down", check=False)
        shutil.rmtree(home, ignore_errors=True)
    return 0 if all(row[2] == "proven" for row in rows) else 1


def _kept(folder: Path, name: str, seed: int, record: dict[str, Any] | None) -> tuple[str, ...]:
    """Keep a run's data; its row in the table."""
    if record is None:
        return (name, str(seed), "none", "", "", "", "it left no evidence")
    raw = record.pop("raw")
    (folder / f"{name}-{seed}.json").write_text(json.dumps(record, indent=2) + "\n")
    (folder / f"{name}-{seed}.raw.json.gz").write_bytes(gzip.compress(raw.encode(), mtime=0))
    measured = record["measured"]
    gaps = ", ".join(f"{gap}" for gap in measured.get("gap_s", {}).values())
    return (
        name,
        str(seed),
        record["verdict"],
        str(measured.get("acknowledged", "")),
        str(measured.get("lost", "")),
        gaps,
        "; ".join(record["reasons"]),
    )


def _write_table(path: Path, rows: list[tuple[str, ...]]) -> None:
    lines = [HEADINGS, ("---",) * len(HEADINGS), *rows]
    path.write_text("".join(f"| {' | '.join(line)} |\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
