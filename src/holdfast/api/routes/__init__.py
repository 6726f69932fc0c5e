"""One module a subject, each with a `router`. Discovery walks this folder: there is no list."""

import importlib
import pkgutil
from collections.abc import Iterator

from fastapi import APIRouter


def routers() -> Iterator[APIRouter]:
    """The router of every module of this folder."""
    for found in pkgutil.iter_modules(__path__):
        router = getattr(importlib.import_module(f"{__name__}.{found.name}"), "router", None)
        if isinstance(router, APIRouter):
            yield router
