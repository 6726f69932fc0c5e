"""What a manifest says, and what our own reader makes of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from holdfast.engines.postgresql.render_manifest import File, Stored, manifest
from holdfast.engines.postgresql.stored_reader import difference

TEXT = """\
[backrest]
backrest-format=5
[backup]
backup-archive-start="000000010000000000000005"
backup-label="20260102-000000F_20260103-000000I"
backup-lsn-start="0/5000028"
backup-reference="20260102-000000F,20260102-000000F_20260103-000000I"
[backup:db]
db-id=1
db-version="15"
[backup:option]
option-compress-type="lz4"
[target:file]
pg_data/a={"bni":1,"bno":48,"checksum":"aa","rck":"bb","repo-size":20,"size":10,"timestamp":1}
pg_data/b={"checksum":"aa","rck":"cc","repo-size":240,"size":258,"timestamp":1}
pg_data/empty={"size":0,"timestamp":1}
pg_data/odd=name={"checksum":"aa","size":5,"reference":"20260102-000000F","timestamp":1}
"""


def test_where_files_are_stored_and_what_they_hash_to():
    told = manifest(TEXT, "orders")
    label = "20260102-000000F_20260103-000000I"
    assert (told.label, told.archive, told.lsn) == (label, "15-1", "0/5000028")
    assert told.references == ("20260102-000000F", label)
    folder = f"backup/orders/{label}"
    assert told.files[0] == File("pg_data/a", 10, "aa", Stored(f"{folder}/bundle/1", 48, 20, "bb"))
    assert told.files[1].stored == Stored(f"{folder}/pg_data/b.lz4", 0, 240, "cc")
    assert told.files[2].sha1 == hashlib.sha1(b"").hexdigest()
    assert told.files[2].stored is None
    assert (told.files[3].name, told.files[3].stored) == ("pg_data/odd=name", None)


@pytest.mark.parametrize("text", ["", "[backup]\nx", "\x00", TEXT.replace("db-id=1\n", "")])
def test_what_is_no_manifest(text: str):
    with pytest.raises(ValueError):
        manifest(text, "orders")


def test_a_piece_that_differs_is_told(tmp_path: Path):
    file = tmp_path / "1"
    file.write_bytes(b"0123456789")
    sha1 = hashlib.sha1(b"345").hexdigest()
    assert difference(str(file), 3, 3, sha1) == ""
    assert difference(str(file), 4, 3, sha1) == "has another checksum"
    assert difference(str(file), 8, 3, sha1) == "ends 1 bytes early"
    assert "cannot be read" in difference(str(tmp_path / "2"), 0, 1, sha1)
    link = tmp_path / "link"
    link.symlink_to(file)
    assert "cannot be read" in difference(str(link), 3, 3, sha1)
