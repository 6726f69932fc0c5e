import os
from pathlib import Path

import pytest

from holdfast.core.errors import Error, NotFound, Refused, TimedOut
from holdfast.system import processes
from holdfast.system.files import trim, write_file
from holdfast.system.local_host import LocalHost
from holdfast.system.memory_host import MemoryServices

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
as_user = pytest.mark.skipif(os.geteuid() == 0, reason="root can be anybody")


@pytest.fixture
def host() -> LocalHost:
    return LocalHost("here", "127.0.0.1", MemoryServices(), {"HOLDFAST_SITE": "ab12cd34"})


async def test_environment_is_clean(host: LocalHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "leaks")
    text = (await host.run(["/usr/bin/env"])).text
    assert "leaks" not in text
    assert "HOLDFAST_SITE=ab12cd34" in text


async def test_timeout_kills_the_whole_group(host: LocalHost) -> None:
    with pytest.raises(TimedOut, match=r"did not end within 0\.3 s"):
        await host.run(["/bin/sh", "-c", "sleep 606 & sleep 606; true"], timeout_s=0.3)
    assert processes.site_processes("ab12cd34", "/nowhere") == []


async def test_errors_keep_secrets(host: LocalHost) -> None:
    with pytest.raises(Error) as caught:
        await host.run(["/bin/false"], env={"PGPASSWORD": "hush"}, stdin=b"hush hush")
    assert "hush" not in f"{caught.value} {caught.value.subject} {caught.value.hint}"


async def test_death_by_signal_is_told(host: LocalHost) -> None:
    with pytest.raises(Error, match="sh was ended by signal 15"):
        await host.run(["/bin/sh", "-c", "kill -TERM $$"])


@as_root
async def test_root_runs_and_writes_as_somebody_else(host: LocalHost, tmp_path: Path) -> None:
    assert (await host.run(["/usr/bin/id", "-un"], user="nobody")).text == "nobody"
    assert (await host.run(["/usr/bin/id", "-G"], user="nobody")).text != "0"
    await host.write(str(tmp_path / "file"), b"", owner="nobody")
    found = await host.stat(str(tmp_path / "file"))
    assert found is not None
    assert found.owner == "nobody"


@as_user
async def test_users_cannot_be_somebody_else(host: LocalHost) -> None:
    with pytest.raises(Refused, match="cannot run commands as user root"):
        await host.run(["/usr/bin/id"], user="root")


@as_root
async def test_unknown_user_is_named(host: LocalHost) -> None:
    with pytest.raises(NotFound, match="no user nemo-1 on this machine"):
        await host.run(["/usr/bin/id"], user="nemo-1")


async def test_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(NotFound):
        write_file(tmp_path / "file", b"new", owner="nemo-1")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


async def test_removing_a_link_spares_its_target(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    await host.remove(str(tmp_path / "link"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_long_log_is_emptied_and_its_end_kept(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"old" + b"x" * 10)
    assert trim(log, limit_bytes=20) is False
    assert trim(log, limit_bytes=10) is True
    assert (log.read_bytes(), (tmp_path / "a.log.1").read_bytes()) == (b"", b"x" * 10)


def test_link_instead_of_a_log_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"x" * 100)
    (tmp_path / "a.log").symlink_to(tmp_path / "precious")
    assert trim(tmp_path / "a.log", limit_bytes=10) is False
    assert (tmp_path / "precious").stat().st_size == 100
