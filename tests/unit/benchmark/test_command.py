"""The command: what it measures, and that it holds what the figures are drawn from."""

import pytest

from benchmark.__main__ import MEASURES, main
from benchmark.figures import FIGURES
from benchmark.page import METHODS, TITLES


def test_everything_that_is_claimed_is_measured_and_explained():
    assert set(MEASURES) == set(FIGURES) == set(METHODS) == set(TITLES)


def test_an_unknown_benchmark_is_named(capsys):
    with pytest.raises(SystemExit):
        main(["speed"])
    assert "speed" in capsys.readouterr().err


def test_a_folder_of_somebody_else_is_not_touched(tmp_path, capsys):
    (tmp_path / "theirs").touch()
    assert main(["ready", "--quick", "--home", str(tmp_path)]) == 2
    assert "was not made by the benchmarks" in capsys.readouterr().err
    assert (tmp_path / "theirs").exists()
