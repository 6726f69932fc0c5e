"""Which certificates `status` warns of."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from holdfast.app.site_certificates import ending
from holdfast.providers import pki
from holdfast.providers.authority import SiteAuthority
from holdfast.providers.settings import Settings

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MADE = NOW - timedelta(days=340)


def test_what_ends_within_thirty_days_is_warned_of_the_first_one_first(tmp_path: Path) -> None:
    record = {"format": 1, "id": "0badcafe", "subnet": "127.77.13", "os_user": "nobody"}
    (tmp_path / "site.json").write_text(json.dumps(record))
    (tmp_path / "pki").mkdir()
    authority = SiteAuthority(tmp_path / "pki", lambda: MADE)
    authority.ensure("holdfast test")
    for folder, days in (("pki", 365), ("etcd/1/pki", 360), ("clusters/orders/1/pki", 400)):
        name = tmp_path / folder / "server"
        name.parent.mkdir(parents=True, exist_ok=True)
        authority.ensure_pair(
            name.with_suffix(".crt"), name.with_suffix(".key"), pki.Request("x", days=days)
        )
    (tmp_path / "pki" / "broken.crt").write_text("no certificate")

    found = ending(Settings(tmp_path), NOW)
    assert [each.message for each in found] == [
        "it ends in 20 days, on 2026-12-10",
        "it ends in 25 days, on 2026-12-15",
    ]
    assert [each.subject for each in found] == [
        f"certificate {tmp_path}/etcd/1/pki/server.crt",
        f"certificate {tmp_path}/pki/server.crt",
    ]
    assert ending(Settings(tmp_path), MADE) == []
    assert "it ended on" in ending(Settings(tmp_path), NOW + timedelta(days=21))[0].message
    # The authority itself lives for ten years, and nothing here can replace it.
    late = ending(Settings(tmp_path), MADE + timedelta(days=3640))
    assert any("move the data" in each.hint for each in late)
