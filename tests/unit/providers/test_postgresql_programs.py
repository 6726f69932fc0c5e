from pathlib import Path

import pytest

from holdfast.core.errors import NotFound
from holdfast.providers.postgresql_programs import (
    Installation,
    extensions,
    installation,
    installations,
    newest,
)

KNOWN = {
    15: Installation(15, "15.13", Path("/usr/lib/postgresql/15/bin")),
    17: Installation(17, "17.2", Path("/usr/pgsql-17/bin")),
}
PROGRAMS = ("postgres", "initdb", "pg_ctl", "pg_basebackup", "pg_controldata", "pg_rewind", "psql")


def install(folder: Path, says: str) -> None:
    """Programs that only know their version."""
    folder.mkdir(parents=True)
    for program in PROGRAMS:
        (folder / program).write_text(f"#!/bin/sh\necho '{says}'\n")
        (folder / program).chmod(0o755)


def test_named_folder_counts_first(tmp_path: Path) -> None:
    install(tmp_path / "bin", "postgres (PostgreSQL) 15.99 (Ours)")
    found = installations([str(tmp_path / "bin")])
    assert found[15] == Installation(15, "15.99", tmp_path / "bin")


@pytest.mark.parametrize(
    "says", ["postgres (PostgreSQL) 12.3", "postgres (PostgreSQL) 99devel", "?"]
)
def test_unknown_majors_do_not_count(says: str, tmp_path: Path) -> None:
    install(tmp_path / "bin", says)
    found = installations([str(tmp_path / "bin"), str(tmp_path / "nowhere")])
    assert all(one.folder != tmp_path / "bin" for one in found.values())


def test_folder_without_all_programs_does_not_count(tmp_path: Path) -> None:
    install(tmp_path / "bin", "postgres (PostgreSQL) 16.1")
    (tmp_path / "bin" / "pg_rewind").unlink()
    assert all(
        one.folder != tmp_path / "bin" for one in installations([str(tmp_path / "bin")]).values()
    )


def test_missing_major_lists_what_is_there() -> None:
    assert installation(17, KNOWN).version == "17.2"
    with pytest.raises(NotFound, match=r"postgresql 16 is not installed \(installed: 15, 17\)"):
        installation(16, KNOWN)
    with pytest.raises(NotFound, match="installed: none"):
        installation(16, {})


def test_newest_is_the_highest_major() -> None:
    assert newest(KNOWN).major == 17
    with pytest.raises(NotFound, match="no postgresql 14 to 18 is installed"):
        newest({})


def test_extensions_are_those_beside_the_programs(tmp_path: Path) -> None:
    ours = Installation(16, "16.1", tmp_path / "bin")
    assert extensions(ours) == frozenset()
    folder = tmp_path / "share" / "extension"
    folder.mkdir(parents=True)
    for name in ("pg_trgm.control", "pg_trgm--1.6.sql", "uuid-ossp.control"):
        (folder / name).touch()
    assert extensions(ours) == {"pg_trgm", "uuid-ossp"}
