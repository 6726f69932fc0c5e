"""The pure rooms stay pure, and the check that says so can fail."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PURE = [
    "core/plan.py",
    "spec/load.py",
    "spec/model/tier.py",
    "schema/rules/postgresql/add_column.py",
    "recovery/checks/counts.py",
    "evidence/tree.py",
    "insight/burn.py",
    "access/policies/age.py",
    "runbooks/checker.py",
    "engines/postgresql/plan.py",
    "engines/postgresql/render.py",
    "engines/postgresql/render_patroni.py",
    "engines/postgresql/parameters.py",
    "engines/postgresql/parameters_model.py",
    "engines/mariadb/render/config.py",
]
DOORS = [
    "system/local_host.py",
    "engines/postgresql/observe.py",
    "engines/postgresql/perform/node.py",
    "providers/local.py",
    "store/operations.py",
    "workflows/runtime.py",
    "app/wiring.py",
    "api/main.py",
    "cli/main.py",
    "node/main.py",
]
IMPURE = [
    "import os",
    "from os import environ",
    "import subprocess",
    "import socket",
    "import time",
    "import random",
    "import secrets",
    "import httpx",
    "import psycopg",
    "import asyncio",
    "from pathlib import Path",
    "import tempfile",
    "import uuid\nuuid.uuid4()",
    "import datetime\ndatetime.datetime.now(datetime.UTC)",
    "from datetime import datetime\ndatetime.now()",
]


def banned(file: str, code: str) -> list[str]:
    """What ruff's banned-api says of this code if it stood in this file of src/holdfast."""
    name = f"--stdin-filename={ROOT}/src/holdfast/{file}"
    options = ["--no-cache", "--select=TID251", "--output-format=json", name]
    run = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *options, "-"],
        input=code,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
        check=False,
    )
    assert run.returncode in (0, 1), run.stderr
    return [row["message"] for row in json.loads(run.stdout)]


@pytest.mark.parametrize("file", PURE)
def test_input_and_output_are_banned_in_every_pure_room(file):
    assert banned(file, "import os\nimport time\nfrom pathlib import Path\n")


@pytest.mark.parametrize("file", DOORS)
def test_other_rooms_may_reach_the_world(file):
    assert banned(file, "import os\nimport time\nfrom pathlib import Path\n") == []


@pytest.mark.parametrize("code", IMPURE)
def test_each_impurity_is_seen(code):
    assert banned("core/plan.py", code)


def test_values_are_allowed_in_pure_rooms():
    code = (
        "from datetime import datetime, timedelta\nfrom pathlib import PurePosixPath\n"
        "import hashlib\nimport importlib.resources\nimport uuid\nuuid.UUID(int=1)\n"
    )
    assert banned("core/plan.py", code) == []


def test_no_pure_file_lifts_the_ban_for_itself():
    lifted = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "src/holdfast").rglob("*.py")
        if "TID251" in file.read_text()
    ]
    assert lifted == []
