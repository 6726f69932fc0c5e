"""The control database belongs to a user of its own, which the data plane is not."""

from __future__ import annotations

import asyncio
import os

import pytest

from holdfast.app.site import status, up
from holdfast.providers.settings import Settings
from tests.conftest import find_program

pytestmark = pytest.mark.timeout(150)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs everything itself")
async def test_the_data_planes_user_cannot_touch_the_control_database(home: Settings) -> None:
    """Neither by its socket as any role, nor in its files; its own server there goes on."""
    site = await up(home, serve=False)
    socket_folder, data = f"{home.home}/control/run", home.home / "control" / "data"
    psql = find_program("psql")
    assert psql
    for role in ("postgres", "holdfast"):
        said = await _as(site.os_user, psql, f"postgresql://{role}@/holdfast?host={socket_folder}")
        assert "ermission denied" in said, said
    assert "ermission denied" in await _as(site.os_user, "touch", str(data / "PG_VERSION"))
    # Were the socket open to all, the server would still not take that user for a role of its own.
    idents = (home.home / "control" / "pg_ident.conf").read_text()
    assert idents.splitlines() == [
        "holdfast root holdfast",
        "holdfast root postgres",
        f"holdfast {site.control_user} postgres",
    ]
    assert {data.owner(), (data / "global").owner()} == {"holdfast-control"}
    assert all(part.healthy for part in await status(home) if part.name != "control-plane")


async def _as(user: str, *argv: str) -> str:
    """What a command that fails says, run as this user."""
    process = await asyncio.create_subprocess_exec(
        *argv, user=user, group=user, extra_groups=[], stderr=asyncio.subprocess.PIPE, cwd="/"
    )
    _, said = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode != 0
    return said.decode()
