"""The ASGI application: routes, errors, guard, and the runtime's life."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import holdfast
from holdfast.api import problems
from holdfast.api.guard import Guard
from holdfast.api.routes import routers
from holdfast.app.wiring import Control


def application(control: Control, *, token: str) -> FastAPI:
    """The API of a control plane. Its start waits until this process may run operations."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await control.runtime.start()
        try:
            yield
        finally:
            await control.runtime.stop()
            await control.platform.store.close()

    app = FastAPI(
        title="Holdfast",
        version=holdfast.__version__,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        separate_input_output_schemas=False,
    )
    app.state.control = control
    for router in routers():
        app.include_router(router)
    problems.install(app)
    app.add_middleware(Guard, token=token)
    return app
