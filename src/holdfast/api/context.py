"""What handlers receive besides the request itself."""

from typing import Annotated

from fastapi import Depends, Header, Request

from holdfast.app.wiring import Control


def _control(request: Request) -> Control:
    control = request.app.state.control
    assert isinstance(control, Control)
    return control


def _actor(
    x_holdfast_actor: Annotated[str, Header(max_length=64, pattern=r"^[\w.@-]+$")] = "api",
) -> str:
    return x_holdfast_actor


Plane = Annotated[Control, Depends(_control)]
"""The control plane."""

Actor = Annotated[str, Depends(_actor)]
"""Who asks, in their own words: everybody with the token is trusted alike."""
