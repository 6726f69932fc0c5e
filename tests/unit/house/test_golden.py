"""Golden files: a difference fails, a refresh writes, a missing file says how to make it."""

import pytest

from tests.conftest import compare


def test_an_equal_text_passes(tmp_path):
    (tmp_path / "a").write_text("x\n")
    compare(tmp_path / "a", "x\n", refresh=False)


def test_a_difference_fails(tmp_path):
    (tmp_path / "a").write_text("x\n")
    with pytest.raises(AssertionError, match="drifted"):
        compare(tmp_path / "a", "y\n", refresh=False)


def test_a_missing_file_is_not_a_pass(tmp_path):
    with pytest.raises(AssertionError, match="refresh-golden"):
        compare(tmp_path / "a", "", refresh=False)


def test_a_refresh_writes_the_file_and_its_folder(tmp_path):
    compare(tmp_path / "b/a", "x\n", refresh=True)
    assert (tmp_path / "b/a").read_text() == "x\n"
