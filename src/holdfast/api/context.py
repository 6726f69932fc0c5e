"""What handlers receive besides the request itself."""

import re
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from holdfast.app.wiring import Control
from holdfast.spec.names import NAME_PATTERN, NAME_RULE


def _control(request: Request) -> Control:
    control = request.app.state.control
    assert isinstance(control, Control)
    return control


def _actor(
    x_holdfast_actor: Annotated[str, Header(max_length=64, pattern=r"^[\w.@-]+$")] = "api",
) -> str:
    return x_holdfast_actor


def _named(name: str) -> str:
    # Nothing else reaches a path, a query or a log, whatever a function below makes of it.
    if not re.fullmatch(NAME_PATTERN, name):
        raise PydanticCustomError(
            "name", "this is no name of a database: {rule}", {"rule": NAME_RULE}
        )
    return name


Plane = Annotated[Control, Depends(_control)]
"""The control plane."""

Name = Annotated[str, AfterValidator(_named)]
"""The name of a database, there or not."""

Actor = Annotated[str, Depends(_actor)]
"""Who asks, in their own words: everybody with the token is trusted alike."""
