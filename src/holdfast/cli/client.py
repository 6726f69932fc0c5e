"""A client of the API, on the standard library alone: it is imported by every command."""

from __future__ import annotations

import contextlib
import getpass
import http.client
import json
import re
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, urlencode

from holdfast.core.change import Json
from holdfast.core.errors import Error, Forbidden
from holdfast.core.layout import API_PORT, Site
from holdfast.providers import local
from holdfast.providers.settings import Settings
from holdfast.workflows import failure

_TIMEOUT_S = 60.0


class Unreachable(Error):
    """The control plane does not answer."""


class Client:
    """Requests to the control plane of one site. Errors come back as what the server raised."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._token = _token(site)
        self._context = ssl.create_default_context(cafile=str(site.ca_certificate))
        self._connection: http.client.HTTPSConnection | None = None

    def get(self, *path: str, timeout_s: float = _TIMEOUT_S, **query: object) -> Json:
        """GET; query parameters that are None are left out."""
        return self._request("GET", path, query, None, timeout_s)

    def post(self, *path: str, body: Json = None, timeout_s: float = _TIMEOUT_S) -> Json:
        """POST a JSON body."""
        return self._request("POST", path, {}, body, timeout_s)

    def put(self, *path: str, body: Json = None, timeout_s: float = _TIMEOUT_S) -> Json:
        """PUT a JSON body."""
        return self._request("PUT", path, {}, body, timeout_s)

    def delete(self, *path: str, timeout_s: float = _TIMEOUT_S, **query: object) -> Json:
        """DELETE."""
        return self._request("DELETE", path, query, None, timeout_s)

    def _request(
        self,
        method: str,
        path: Sequence[str],
        query: Mapping[str, object],
        body: Json,
        timeout_s: float,
    ) -> Json:
        given = {name: _text(value) for name, value in query.items() if value is not None}
        target = "/v1/" + "/".join(quote(part, safe="") for part in path)
        if given:
            target += "?" + urlencode(given)
        content = None if body is None else json.dumps(body).encode()
        try:
            answer = self._send(method, target, content, timeout_s)
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error) from error
        if answer.status == 401:
            raise self._unknown()
        return _result(answer.status, data)

    def _send(
        self, method: str, target: str, content: bytes | None, timeout_s: float
    ) -> http.client.HTTPResponse:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "X-Holdfast-Actor": _actor(),
            "Content-Type": "application/json",
        }
        if self._connection is not None:
            # The server may have closed an idle connection; what is safe to send twice is.
            with contextlib.suppress(OSError, http.client.HTTPException):
                if method == "GET":
                    self._connection.request(method, target, content, headers)
                    return self._connection.getresponse()
            self.close()
        self._connection = http.client.HTTPSConnection(
            self._site.api_address, API_PORT, timeout=timeout_s, context=self._context
        )
        self._connection.request(method, target, content, headers)
        return self._connection.getresponse()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = "timed out" if isinstance(error, TimeoutError) else str(error) or repr(error)
        return Unreachable(
            f"the control plane does not answer at {self._site.api_url} ({reason})",
            subject="control plane",
            hint="run `holdfast up`, then try again; `holdfast status` shows what is wrong",
        )

    def _unknown(self) -> Forbidden:
        """Our token is another one than the control plane's."""
        return Forbidden(
            f"the control plane at {self._site.api_url} does not know the token in "
            f"{self._site.token_file}",
            subject="token",
            hint="see that --home or HOLDFAST_HOME names the home that it runs in, and that nobody "
            "has changed that file",
        )


def connect(settings: Settings) -> Client:
    """A client of the site in this home. Raises `NotFound` when there is none."""
    return Client(local.load(settings.home))


def _token(site: Site) -> str:
    path = Path(site.token_file)
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise Unreachable(
            f"there is no token at {path}", subject="token", hint="run `holdfast up`"
        ) from None
    except PermissionError:
        raise _forbidden(path) from None


def _forbidden(path: Path) -> Error:
    return Forbidden(
        f"{path} belongs to somebody else",
        subject="token",
        hint="run the command as the user who runs the platform",
    )


def _actor() -> str:
    """Who asks, for the record; nothing is allowed or denied by it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return re.sub(r"[^\w.@-]", "_", name)[:64]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _result(status: int, data: bytes) -> Json:
    try:
        answer = json.loads(data) if data else None
    except ValueError:
        answer = None
    if status < 400:
        return answer
    if not isinstance(answer, dict) or "code" not in answer:
        raise Error(f"the control plane answered {status} without a reason")
    raise failure.from_json({**answer, "message": answer["detail"]})
