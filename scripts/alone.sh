#!/bin/sh
# Proves that `check` is worth installing alone: a fresh environment, `pip install` of this clone
# without any extra, the packages counted, one small file checked and timed.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check .
"$folder/venv/bin/python" - "$folder/venv/bin/holdfast" <<'PYTHON'
import subprocess
import sys
import time
from importlib import metadata

names = sorted({each.metadata["Name"] for each in metadata.distributions()} - {"pip", "setuptools"})
print(f"{len(names)} packages: {', '.join(names)}")
assert len(names) < 10
taken = []
for _ in range(15):
    begin = time.perf_counter()
    answer = subprocess.run(
        [sys.argv[1], "check", "examples/check/sql/002_index_customer.sql"], capture_output=True
    )
    taken.append(time.perf_counter() - begin)
assert answer.returncode == 1, answer.stderr.decode()
assert b"CREATE INDEX CONCURRENTLY" in answer.stdout
print(f"one small file: {sorted(taken)[len(taken) // 2] * 1000:.0f} ms (median of {len(taken)})")
PYTHON
