"""A node's folder goes only while one that stays leads."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.core.change import Action, Change
from holdfast.core.errors import Transient
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.perform import perform
from holdfast.system.clock import ManualClock
from holdfast.system.memory_host import MemoryHost
from tests.unit.engines.postgresql.clusters import SITE, cluster


class WithoutKeys:
    """An etcd in which nobody leads."""

    async def get(self, _key: str) -> None:
        return None

    async def get_prefix(self, _prefix: str) -> dict[str, Any]:
        return {}


async def test_nothing_is_removed_while_nobody_leads() -> None:
    host = MemoryHost()
    left = SITE.node("orders", 4).data / "PG_VERSION"
    await host.make_folder(str(left.parent))
    await host.write(str(left), b"15")
    nobody: Any = None
    doors = Doors(
        host=host,
        etcd=WithoutKeys(),  # type: ignore[arg-type]
        patroni=nobody,
        secrets=nobody,
        issuer=nobody,
        identity=nobody,
        clock=ManualClock(),
        note=lambda _line: None,
    )
    change = Change(
        id="delete node/4",
        kind="node",
        action=Action.DELETE,
        target="node/4",
        before={},
        after=None,
    )
    with pytest.raises(Transient, match=r"orders-4 is kept.*nobody leads"):
        await perform([change], cluster(), doors)
    assert await host.read(str(left)) == b"15"
