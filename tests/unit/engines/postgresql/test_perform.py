"""What is said of a change that failed among several."""

from __future__ import annotations

import pytest

from holdfast.core.change import Action, Change
from holdfast.core.errors import Transient
from holdfast.engines.postgresql.perform import naming

CHANGE = Change(
    id="create role/app",
    kind="role",
    action=Action.CREATE,
    target="role/app",
    before=None,
    after={},
    reason="",
    undo="",
)


@pytest.mark.parametrize(
    ("of", "message"), [(1, "permission denied"), (12, "create role/app: permission denied")]
)
def test_one_that_failed_among_several_is_named(of: int, message: str):
    with pytest.raises(Transient) as caught, naming(CHANGE, of=of):
        raise Transient("permission denied", retry_after_s=3)
    assert caught.value.message == message
    assert caught.value.retry_after_s == 3
