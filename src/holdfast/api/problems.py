"""Errors as RFC 9457 problems. The one table from error code to HTTP status stands here."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from holdfast.core.change import Json
from holdfast.core.errors import Bug, Error, Forbidden, Invalid, NotFound, Transient
from holdfast.core.finding import Finding, Severity
from holdfast.workflows import failure

_log = logging.getLogger(__name__)

STATUS = {
    "invalid": 422,
    "not-found": 404,
    "conflict": 409,
    "stale-plan": 409,
    "cancelled": 409,
    "refused": 403,
    "forbidden": 403,
    "timed-out": 504,
    "transient": 503,
    "bug": 500,
    "failed": 500,
}

_OF_HTTP = {401: Forbidden, 403: Forbidden, 404: NotFound}


def problem(error: Error, *, status: int | None = None) -> JSONResponse:
    """The answer to a request that ended in this error."""
    data: dict[str, Json] = failure.to_json(error)
    status = status or STATUS[error.code]
    body = {
        "type": f"urn:holdfast:error:{error.code}",
        "title": error.code.replace("-", " "),
        "status": status,
        "detail": data["message"],
        **{name: data[name] for name in ("code", "subject", "hint", "findings")},
    }
    headers = {}
    if isinstance(error, Transient):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""

    async def known(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Error)
        if isinstance(error, Bug):
            _log.error("bug: %s", error.message, exc_info=error)
        return problem(error)

    async def malformed(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        findings = [_finding(one) for one in error.errors()]
        return problem(Invalid("the request is not valid", findings))

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        kind = _OF_HTTP.get(error.status_code, Error)
        subject = f"{request.method} {request.url.path}"
        message = f"{str(error.detail).lower()}: {subject}"
        return problem(kind(message, subject=subject), status=error.status_code)

    async def unforeseen(_request: Request, error: Exception) -> JSONResponse:
        _log.error("unforeseen error", exc_info=error)
        return problem(failure.as_error(error))

    app.add_exception_handler(Error, known)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)


def _finding(one: Json) -> Finding:
    """What pydantic says of one field. The value seen is left out: it may be a secret."""
    path = ".".join(str(part) for part in one["loc"])
    return Finding(
        id=f"request.{one['type'].replace('_', '-')}",
        severity=Severity.ERROR,
        subject=path,
        message=f"{path}: {str(one['msg'])[:1].lower()}{str(one['msg'])[1:]}",
    )
