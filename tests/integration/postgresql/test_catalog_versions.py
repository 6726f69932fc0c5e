"""The catalog on every other major that is there: from 16 on a membership says what it allows."""

from __future__ import annotations

import secrets

import psycopg
import pytest

from holdfast.engines.postgresql.catalog.names import password_ref
from tests.integration.postgresql.catalog_site import Site, remove, spec_of
from tests.integration.postgresql.server import bindirs, running

OTHERS = {version: folder for version, folder in bindirs().items() if version != 15}
TAMPERS = (
    'grant "{x}_rw" to "{x}_app_a" with set true',
    'grant "{x}_rw" to "{x}_app_a" with inherit false',
    'grant "{x}_owner" to "{x}_migrator" with inherit true',
    (
        'grant "{x}_rw" to "{x}_app_a" with admin true; set role "{x}_app_a"; '
        'grant "{x}_rw" to "{x}_app_b" with set true; reset role'
    ),
    'revoke "{x}_ro" from "{x}_read_b"',
    'grant pg_signal_backend to "{x}_ro"',
)


@pytest.mark.parametrize("version", OTHERS)
async def test_what_is_performed_is_observed_and_mended(version: int) -> None:
    name = f"t{secrets.token_hex(3)}"
    with running(OTHERS[version]) as server:
        site = Site(server, spec_of(name, extensions=()))
        await site.apply()
        assert await site.changes() == []
        await site.run(
            "postgres", f'set role "{name}_migrator"', f'set role "{name}_owner"', "reset role"
        )
        password = site.passwords[password_ref(name, f"{name}_app_a")].password
        dsn = f"{server.dsn_of(f'{name}_app_a', password)} dbname={name}"
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as app:
            if version >= 16:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    await app.execute(f'set role "{name}_rw"')
        for tamper in TAMPERS if version >= 16 else ():
            await site.run("postgres", tamper.replace("{x}", name))
            assert await site.apply() != [], tamper
            assert await site.changes() == [], tamper
        await remove(site)
