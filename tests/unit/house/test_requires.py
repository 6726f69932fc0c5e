"""A missing server is a skip on a laptop and a failure in CI."""

import pytest

from tests.conftest import demand, find_program


def test_a_program_that_is_there_is_found():
    assert find_program("sh")
    demand("sh", in_ci=True)


def test_a_missing_program_skips_on_a_laptop_with_its_name():
    with pytest.raises(pytest.skip.Exception, match="no-such-server"):
        demand("sh", "no-such-server", in_ci=False)


def test_a_missing_program_fails_in_ci_with_its_name():
    with pytest.raises(pytest.fail.Exception, match="no-such-server"):
        demand("no-such-server", in_ci=True)
