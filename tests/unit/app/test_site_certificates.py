"""Which certificates `status` warns of."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdfast.app.site_certificates import ending
from holdfast.providers import pki
from holdfast.providers.authority import SiteAuthority
from holdfast.providers.settings import Settings

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MADE = NOW - timedelta(days=340)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A home with a site."""
    record = {"format": 1, "id": "0badcafe", "subnet": "127.77.13", "os_user": "nobody"}
    (tmp_path / "site.json").write_text(json.dumps(record))
    (tmp_path / "pki").mkdir()
    return tmp_path


def authority(home: Path) -> SiteAuthority:
    made = SiteAuthority(home / "pki", lambda: MADE)
    made.ensure("holdfast test")
    return made


def test_what_ends_within_thirty_days_is_warned_of_the_first_one_first(site: Path) -> None:
    made = authority(site)
    for folder, days in (("pki", 365), ("etcd/1/pki", 360), ("clusters/orders/1/pki", 400)):
        name = site / folder / "server"
        name.parent.mkdir(parents=True, exist_ok=True)
        made.ensure_pair(
            name.with_suffix(".crt"), name.with_suffix(".key"), pki.Request("x", days=days)
        )
    (site / "pki" / "broken.crt").write_text("no certificate")

    found = ending(Settings(site), NOW)
    assert [each.message for each in found] == [
        "it ends in 20 days, on 2026-12-10",
        "it ends in 25 days, on 2026-12-15",
    ]
    assert [each.subject for each in found] == [
        f"certificate {site}/etcd/1/pki/server.crt",
        f"certificate {site}/pki/server.crt",
    ]
    assert ending(Settings(site), MADE) == []
    assert "it ended on" in ending(Settings(site), NOW + timedelta(days=21))[0].message
    # The authority itself lives for ten years, and nothing here can replace it.
    late = ending(Settings(site), MADE + timedelta(days=3640))
    assert any("move the data" in each.hint for each in late)


def found_in_time(home: Path) -> list[str]:
    """What is said, in ten seconds at most: what hangs must not hang the tests."""
    said: list[str] = []
    looking = threading.Thread(
        target=lambda: said.extend(each.message for each in ending(Settings(home), NOW)),
        daemon=True,
    )
    looking.start()
    looking.join(timeout=10)
    assert not looking.is_alive(), "it waits for ever"
    return said


def test_what_the_data_plane_s_user_puts_in_their_place_is_not_followed(site: Path) -> None:
    made = authority(site)
    node = site / "clusters" / "orders" / "1" / "pki"
    node.mkdir(parents=True)
    real = site / "pki" / "soon.crt"
    made.ensure_pair(real, real.with_suffix(".key"), pki.Request("x", days=360))
    os.mkfifo(node / "pipe.crt")
    (node / "endless.crt").symlink_to("/dev/zero")
    (node / "long.crt").write_bytes(real.read_bytes() + b"\n" * 2**17)
    (node / "folder.crt").mkdir()
    (node / "loop.crt").symlink_to("loop.crt")
    assert found_in_time(site) == [
        "it ends in 20 days, on 2026-12-10",
        f"{node}/endless.crt is no plain file",
        f"{node}/folder.crt is no plain file",
        f"{node}/long.crt is longer than 65536 bytes",
        f"{node}/pipe.crt is no plain file",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's links are their own")
def test_no_link_of_the_data_plane_s_user_is_followed(site: Path) -> None:
    made = authority(site)
    real = site / "pki" / "soon.crt"
    made.ensure_pair(real, real.with_suffix(".key"), pki.Request("x", days=360))
    cluster = site / "clusters" / "orders"
    node = cluster / "1" / "pki"
    node.mkdir(parents=True)
    (node / "server.crt").symlink_to(real)
    (cluster / "2").symlink_to(site)
    for path in (cluster, cluster / "1", node):
        os.chown(path, 65534, 65534)
    assert found_in_time(site) == [
        "it ends in 20 days, on 2026-12-10",
        f"{node}/server.crt is a symbolic link where user nobody may put one: it is not followed",
    ]
