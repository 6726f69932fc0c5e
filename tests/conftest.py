"""What every test shares: deadlines, hypothesis profiles, golden files, wanted programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
IN_CI = os.environ.get("CI", "") not in ("", "0", "false")

# In CI one and the same run for one and the same tree; on a laptop new examples every time.
settings.register_profile("laptop", deadline=None)
settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if IN_CI else "laptop")

SERVER_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


def find_program(name: str) -> str | None:
    """Where a server's program is, on PATH or in the usual places; the newest PostgreSQL first."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    if found := shutil.which(name, path=path):
        return found
    for pattern in SERVER_FOLDERS:
        folders = sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
        for folder in folders:
            if found := shutil.which(name, path=str(folder)):
                return found
    return None


def demand(*programs: str, in_ci: bool = IN_CI) -> None:
    """Skip the test where a program is missing; fail it in CI, where everything has to run."""
    missing = [name for name in programs if find_program(name) is None]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)} (`make setup` installs what Debian has)"
    if in_ci:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--refresh-golden",
        action="store_true",
        help="write the golden files anew from what the tests render; read the diff afterwards",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "requires(*programs): the real programs that the test starts; "
        "where one is missing it is skipped on a laptop and fails in CI",
    )
    config.addinivalue_line("markers", "docs: holds a generated page or schema to its source")
    config.addinivalue_line("markers", "slow: takes more than a second; `-m 'not slow'` leaves it")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires"):
        demand(*marker.args)


def compare(file: Path, text: str, *, refresh: bool) -> None:
    """Hold a text to a file of the repository, or write the file anew."""
    if refresh:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.exists(), f"{file} is not there: run pytest with --refresh-golden"
    assert text == file.read_text(), f"{file} has drifted: --refresh-golden, then read the diff"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("orders-1/patroni.yml", text)` holds a rendering to a file under golden/.

    The folder `golden` stands beside the test module.
    """
    refresh = bool(request.config.getoption("--refresh-golden"))
    return lambda name, text: compare(request.path.parent / "golden" / name, text, refresh=refresh)


@pytest.fixture
def generated(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`generated("docs/reference/documents.md", text)` holds a generated file to its source.

    The path counts from the root. Mark the test with `docs`: `make docs` writes all of them.
    """
    refresh = bool(request.config.getoption("--refresh-golden"))
    return lambda name, text: compare(ROOT / name, text, refresh=refresh)


@pytest.fixture
def program() -> Callable[[str], str]:
    """`program("pg_ctl")` is the path of a server's program; skips or fails where it is missing."""

    def path(name: str) -> str:
        demand(name)
        found = find_program(name)
        assert found is not None
        return found

    return path
