"""What scenarios share: a real site, made and ended through the command line.

    site        a site that is up, the same one for all modules: leave it up, and without the
                databases that you made in it
    make_site   makes more of them, for tests that break one or need one of their own

They take whole minutes on a slow machine, so every test here may run longer than others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import demand
from tests.scenario.faults_support import end_shared
from tests.scenario.site import RealSite

_PROGRAMS = ("postgres", "initdb", "etcd", "pgbackrest", "pgbouncer")
_TIMEOUT_S = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(_TIMEOUT_S))


@pytest.fixture(scope="session")
def site() -> Iterator[RealSite]:
    """A site that is up and knows the tier `quick`."""
    demand(*_PROGRAMS)
    made = RealSite.new()
    try:
        made.run("up")
        made.take_over_quick_tier()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def make_site() -> Iterator[Callable[[], RealSite]]:
    """Makes sites that are not up yet. Each is ended after the module's last test."""
    demand(*_PROGRAMS)
    made: list[RealSite] = []

    def make() -> RealSite:
        made.append(RealSite.new())
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.close()


@pytest.fixture(scope="session")
def shared_site_ends() -> Iterator[None]:
    """Ends the site that the modules with faults share, while the session still runs.

    A cleanup of the configuration would come too late: a worker is killed ten seconds after it
    has told its results.
    """
    yield
    end_shared()
