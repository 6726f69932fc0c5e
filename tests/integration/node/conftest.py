"""One real cluster for all tests of the node agent; each test finds it healthy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.conftest import demand
from tests.integration.node.rig import Rig


@pytest.fixture(scope="session")
def shared_rig() -> Iterator[Rig]:
    demand("etcd", "pgbouncer", "initdb", "pgbench")
    rig = Rig()
    try:
        asyncio.run(rig.start())
        yield rig
    finally:
        rig.stop()


@pytest.fixture
def rig(shared_rig: Rig) -> Rig:
    asyncio.run(shared_rig.healed())
    return shared_rig
