"""The ASGI application: routes, errors, guard."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

import holdfast
from holdfast.api import problems
from holdfast.api.guard import Guard
from holdfast.api.routes import routers
from holdfast.app.wiring import Control


def application(control: Control, *, token: Callable[[], str]) -> FastAPI:
    """The API of a control plane that runs already. `token` is asked for every request."""
    app = FastAPI(
        title="Holdfast",
        version=holdfast.__version__,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.control = control
    for router in routers():
        app.include_router(router)
    problems.install(app)
    app.add_middleware(Guard, token=token)
    return app
