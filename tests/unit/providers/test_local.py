import json
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.core.errors import Conflict, Error, NotFound, Refused
from holdfast.providers import local
from holdfast.providers.settings import Settings, settings

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root only")


@pytest.fixture
def home() -> Iterator[Path]:
    """A path that is short enough, with nothing there yet."""
    with tempfile.TemporaryDirectory(prefix="hf-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name) / "home"


def test_home_of_root_and_of_users() -> None:
    assert settings({}, as_root=True).home == Path("/var/lib/holdfast")
    assert settings({"XDG_DATA_HOME": "/d"}, as_root=False).home == Path("/d/holdfast")
    assert settings({"HOLDFAST_HOME": "/h"}, as_root=True).home == Path("/h")


def test_settings_survive_their_export() -> None:
    given = Settings(Path("/h"), "postgresql://x/y", ("/a/bin", "/b/bin"))
    assert settings(given.exported(), as_root=False) == given


def test_site_is_allocated_once(home: Path) -> None:
    local.prepare_home(home)
    site = local.allocate(home)
    assert local.allocate(home) == site
    assert local.load(home) == site
    first, second, _ = site.subnet.split(".")
    assert first == "127"
    assert 64 <= int(second) <= 253


def test_two_homes_do_not_share_addresses(home: Path) -> None:
    sites = []
    for name in ("a", "b"):
        local.prepare_home(home / name)
        sites.append(local.allocate(home / name))
    assert sites[0].id != sites[1].id
    assert sites[0].network != sites[1].network


def test_home_without_a_site_is_not_found(home: Path) -> None:
    with pytest.raises(NotFound, match=f"no platform in {home}"):
        local.load(home)


@pytest.mark.parametrize(("number", "age"), [(3, "a newer"), (99, "a newer"), (0, "an older")])
def test_home_of_another_version_is_refused(home: Path, number: int, age: str) -> None:
    home.mkdir()
    (home / "site.json").write_text(json.dumps({"format": number}))
    with pytest.raises(Refused, match=f"was made by {age} version of holdfast"):
        local.allocate(home)
    assert [path.name for path in home.iterdir()] == ["site.json"]


def test_home_of_the_first_format_keeps_its_one_user(home: Path) -> None:
    home.mkdir()
    record = {"format": 1, "id": "0badcafe", "subnet": "127.77.13", "os_user": "nobody"}
    (home / "site.json").write_text(json.dumps(record))
    site = local.load(home)
    assert (site.os_user, site.database_user) == ("nobody", "nobody")


@as_root
def test_the_control_database_has_a_user_of_its_own(home: Path) -> None:
    local.prepare_home(home)
    site = local.allocate(home)
    assert (site.os_user, site.database_user) == ("holdfast", "holdfast-control")


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", "7"])
def test_damaged_site_file_is_told(home: Path, content: str) -> None:
    home.mkdir()
    (home / "site.json").write_text(content)
    with pytest.raises(Error, match=r"site\.json is damaged"):
        local.load(home)


@pytest.mark.parametrize(
    "path", ["/tmp/a b", "/tmp/$(id)", "/tmp/a;b", "/tmp/a%b", "/tmp/ä", "/tmp/a'b", "relative"]
)
def test_home_with_special_characters_is_refused(path: str) -> None:
    with pytest.raises(Refused, match="cannot be a home"):
        local.prepare_home(Path(path))


def test_home_with_a_long_path_is_refused() -> None:
    with pytest.raises(Refused, match="has 105 characters"):
        local.prepare_home(Path("/tmp/" + "x" * 100))


def test_home_that_is_a_file_is_told(home: Path) -> None:
    home.write_text("")
    with pytest.raises(Error, match=f"the home folder {home} cannot be written to"):
        local.prepare_home(home)


def test_home_on_a_read_only_place_is_told() -> None:
    with pytest.raises(Error, match=r"cannot be written to: .*/proc/holdfast"):
        local.prepare_home(Path("/proc/holdfast"))


def test_too_little_space_is_told(home: Path) -> None:
    local.prepare_home(home)
    with pytest.raises(Error, match=r"only .* are free in .*, 1048576\.0 TiB are needed"):
        local.allocate(home, needed_bytes=2**60)
    assert not (home / "site.json").exists()


def test_port_taken_on_every_address_is_named(home: Path) -> None:
    local.prepare_home(home)
    with pytest.raises(Conflict, match=r"port 2380 on 127\.\d+\.\d+\.2 is in use"):
        local.allocate(home, free=lambda _, port: port != 2380)
    assert not (home / "site.json").exists()


def test_taken_subnet_is_passed_over(home: Path) -> None:
    asked: list[str] = []

    def free(address: str, _: int) -> bool:
        asked.append(address.rpartition(".")[0])
        return len(set(asked)) > 2

    local.prepare_home(home)
    assert local.allocate(home, free=free).subnet == list(dict.fromkeys(asked))[2]


def test_port_taken_later_is_told_before_the_start(home: Path) -> None:
    local.prepare_home(home)
    site = local.allocate(home)
    local.check_ports(site)
    here = f"port 7474 on {site.api_address} is in use by process {os.getpid()} "
    with (
        socket.create_server((site.api_address, 7474)),
        pytest.raises(Conflict, match=re.escape(here)),
    ):
        local.check_ports(site)


@as_root
def test_home_that_the_databases_user_cannot_reach_is_refused(home: Path) -> None:
    home.parent.chmod(0o700)
    local.prepare_home(home)
    with pytest.raises(Refused, match=f"user holdfast.* cannot pass through {home.parent}"):
        local.allocate(home)
