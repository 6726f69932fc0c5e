"""What scenarios share: a real site, made and ended through the command line.

    site        a site that is up; one for all tests of a module
    make_site   makes more of them, for tests that need one of their own

They take whole minutes on a slow machine, so every test here may run longer than others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import demand
from tests.scenario.site import RealSite

_PROGRAMS = ("postgres", "initdb", "etcd", "pgbackrest", "pgbouncer")
_TIMEOUT_S = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.slow)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(_TIMEOUT_S))


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
        for site in made:
            site.close()


@pytest.fixture(scope="module")
def site(make_site: Callable[[], RealSite]) -> RealSite:
    """A site that is up, with no database in it."""
    made = make_site()
    made.run("up")
    return made
