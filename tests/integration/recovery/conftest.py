"""One origin for all tests of the folder; each test plants its fault in a sandbox of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.system.local_host import LocalHost
from holdfast.system.memory_host import MemoryHost
from tests.conftest import demand, find_program
from tests.integration.recovery.origin import Origin


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    """Two databases, tables of several kinds, a full backup, and WAL written after it."""
    demand("initdb", "pgbackrest")
    bindir, pgbackrest = find_program("initdb"), find_program("pgbackrest")
    assert bindir is not None
    assert pgbackrest is not None
    folder = Path(tempfile.mkdtemp(prefix="hf-origin-", dir="/tmp"))
    origin = Origin(folder, str(Path(bindir).resolve().parent), pgbackrest)
    try:
        origin.create()
        origin.sql("create database shop")
        origin.sql(
            "create table item (id int primary key, name text, note text);"
            "insert into item select g, 'item ' || g, repeat('x', g % 50)"
            " from generate_series(1, 20000) g;"
            'create table "Odd "" name" (t text); insert into "Odd "" name" values (null), (\'ä\');'
            "create materialized view many as select count(*) from item;"
            "create unlogged table scratch (a int)",
            "shop",
        )
        # Or replay would write every page anew when its first reader sets a hint bit.
        origin.sql("vacuum (freeze)", "shop")
        origin.pgbackrest("--type=full", "backup")
        origin.sql("insert into item select g, 'later', '' from generate_series(20001, 20100) g",
                   "shop")  # fmt: skip
        yield origin
    finally:
        origin.stop()
        shutil.rmtree(folder)


@pytest.fixture
def host() -> LocalHost:
    return LocalHost("here", "127.0.0.1", MemoryHost("here").services)
