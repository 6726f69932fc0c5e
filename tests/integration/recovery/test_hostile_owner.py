"""The owner of a database's tables gains nothing by what a restore test runs over them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from holdfast.core.promise import Verdict
from holdfast.engines.postgresql import sandbox as boxes
from holdfast.engines.postgresql import sandbox_probe
from holdfast.engines.postgresql.cluster import READER
from holdfast.system.clock import SystemClock
from holdfast.system.local_host import LocalHost
from tests.integration.recovery.origin import Origin
from tests.integration.recovery.test_restore import Trial

pytestmark = [pytest.mark.timeout(120), pytest.mark.requires("initdb", "pgbackrest", "pg_amcheck")]
CLOCK = SystemClock()

# Every function says who ran it, and does as a superuser what only a superuser can.
TRAP = """
create role tenant;
grant create on database shop to tenant;
set role tenant;
create schema hostile;
create function hostile.spring(place text) returns void language plpgsql as $$
begin
    execute format('copy (select 1) to program %L',
        'touch FOLDER/' || place || '.' || current_user);
exception when insufficient_privilege then null;
end $$;
create table hostile.victim (id int, name text);
insert into hostile.victim values (1, 'one'), (2, 'two');
create function hostile.as_text(hostile.victim) returns text language plpgsql as $$
begin perform hostile.spring('cast'); return 'x'; end $$;
create cast (hostile.victim as text) with function hostile.as_text(hostile.victim);
create function hostile.key(int) returns int immutable language plpgsql as $$
begin perform hostile.spring('index'); return $1; end $$;
create index of_rows on hostile.victim (hostile.key(id));
create index planned on hostile.victim ((id + hostile.key(1))) where hostile.key(2) > 1;
create function hostile.sum_step(numeric, numeric) returns numeric language plpgsql as $$
begin perform hostile.spring('aggregate'); return 1; end $$;
create aggregate hostile.sum(numeric) (sfunc = hostile.sum_step, stype = numeric);
create function hostile.hashtextextended(text, int) returns bigint language plpgsql as $$
begin perform hostile.spring('function'); return 1; end $$;
create table hostile.locked (id int);
insert into hostile.locked values (1), (2), (3);
create function hostile.sees(int) returns boolean language plpgsql as $$
begin perform hostile.spring('policy'); return false; end $$;
create policy none on hostile.locked using (hostile.sees(id));
alter table hostile.locked enable row level security;
alter table hostile.locked force row level security;
reset role
"""


@pytest.fixture
def sprung(origin: Origin):
    """The folder in which each sprung trap leaves a file."""
    folder = origin.folder / "sprung"
    folder.mkdir()
    folder.chmod(0o777)
    origin.sql(TRAP.replace("FOLDER", str(folder)), "shop")
    origin.sql("alter database shop set search_path = hostile, pg_catalog")
    origin.sql("alter database shop set role = tenant")
    yield folder
    origin.sql("alter database shop reset all")
    origin.sql("drop schema hostile cascade; drop owned by tenant; drop role tenant", "shop")
    shutil.rmtree(folder)


@pytest.fixture
async def trial(origin: Origin, host: LocalHost):
    trial = Trial(origin, host)
    yield trial
    await boxes.destroy(trial.sandbox, host, CLOCK)


def traces(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_the_trap_is_armed(origin: Origin, sprung: Path):
    """Or the other tests would prove nothing: a superuser's careless query springs it."""
    careless = "set role none; select victim::text from hostile.victim"
    origin.sql(careless, "shop")
    assert traces(sprung) == ["cast.postgres", "index.postgres"]


async def test_a_restore_test_runs_none_of_it_as_a_superuser(
    origin: Origin, sprung: Path, trial: Trial
):
    await trial.mark()
    await trial.restore()
    await trial.look()
    assert traces(sprung) == []
    assert trial.judge().reasons == ()
    assert trial.judge().verdict is Verdict.PROVEN
    compared = trial.compared
    assert {"shop.hostile.victim", "shop.hostile.locked"} <= set(compared.equal)
    assert trial.witness.tables["shop.hostile.locked"].rows == 3


async def test_the_reader_cannot_become_anybody_else_and_cannot_write(origin: Origin):
    async with origin.reading("shop") as connection:
        for statement in (
            "set role postgres",
            "set session authorization postgres",
            "insert into public.item values (-1, 'x', '')",
            "copy (select 1) to program 'true'",
            "select pg_catalog.pg_read_file('/etc/passwd')",
            "create temp table t (a int)",
        ):
            with pytest.raises(Exception, match=r"permission denied|must be superuser|read-only"):
                await connection.execute(statement)
        await connection.execute("reset role")
        row = await (await connection.execute("select session_user, current_user")).fetchone()
    assert row == (READER, READER)


async def test_the_structure_is_checked_as_the_table_s_owner(sprung: Path, trial: Trial):
    await trial.mark()
    await trial.restore()
    step, _ = await boxes.start(trial.sandbox, trial.host, CLOCK)
    assert step.ok
    found = await sandbox_probe.structure(trial.sandbox, trial.host, CLOCK)
    assert (found.ok, found.problem) == (True, "")
    assert traces(sprung) == []
