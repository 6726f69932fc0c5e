"""What `pgbackrest verify` has to say before a repository counts as read."""

from __future__ import annotations

import pytest

from holdfast.engines.postgresql.repository_report import unreadable

LABEL = "20261120-084934F"
SOUND = """\
stanza: shop
status: ok
  archiveId: 15-1, total WAL checked: 4, total valid WAL: 4
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261119-084934F, status: valid, total files checked: 1269, total valid files: 1269
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261120-084934F, status: valid, total files checked: 1269, total valid files: 1269
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
"""


def test_only_a_positive_answer_about_the_backup_is_good() -> None:
    assert unreadable(SOUND, LABEL) == ""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (SOUND, "", "said nothing"),
        (SOUND, "\n", "said nothing"),
        ("status: ok", "status: error", "status error"),
        (
            "20261120-084934F, status: valid, total files checked: 1269, total valid files: 1269",
            "20261120-084934F, status: invalid, total files checked: 1269, total valid files: 1268",
            "backup 20261120-084934F is invalid",
        ),
        ("20261119-084934F, status: valid", "20261119-084934F, status: in-progress", "in-progress"),
        ("backup: 20261120-084934F", "backup: 20261118-084934F", f"backup {LABEL} was not read"),
        ("files checked: 1269, total valid files: 1269", "files checked: 0, total valid files: 0",
         "no file"),
        ("valid files: 1269", "valid files: 1268", "1268 of 1269"),
        ("total valid WAL: 4", "total valid WAL: 3", "3 of 4"),
        ("total WAL checked: 4, total valid WAL: 4", "total WAL checked: 0, total valid WAL: 0",
         "no segment"),
    ],
)  # fmt: skip
def test_anything_else_says_what_is_wrong(old: str, new: str, says: str) -> None:
    assert says in unreadable(SOUND.replace(old, new), LABEL)
