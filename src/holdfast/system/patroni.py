"""The door to Patroni's REST API, with mutual TLS."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, cast

import httpx

from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Error, TimedOut, Transient
from holdfast.core.layout import PATRONI_PORT
from holdfast.system import tls
from holdfast.system.tls import Identity, client_context

OPERATOR = "holdfast"
"""Who may change a cluster through Patroni; the password is the cluster's own."""


class PatroniClient:
    """Asks the Patroni of any node by its address.

    Errors: `Transient` when nobody answers, `TimedOut` when the answer takes longer than the
    deadline, `Conflict` when Patroni declines (412, 409, 503) and `Error` for anything else.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        port: int = PATRONI_PORT,
        timeout_s: float = 3.0,
        password: str | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._identity = identity
        self._port = port
        self._timeout_s = timeout_s
        self._auth = None if password is None else httpx.BasicAuth(OPERATOR, password)
        self._context: ssl.SSLContext | None = None
        if http is None:
            self._context = client_context(identity)
            http = httpx.AsyncClient(verify=self._context, timeout=timeout_s, trust_env=False)
        self._http = http

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def reread(self) -> None:
        """Show the certificate that is in its file now, on every new connection."""
        if self._context is not None:
            tls.reread(self._context, self._identity.certificate, self._identity.key)

    def as_operator(self, password: str) -> PatroniClient:
        """The same client, allowed to change things: it shows the cluster's password as well.

        Closing either closes both.
        """
        return PatroniClient(
            self._identity,
            port=self._port,
            timeout_s=self._timeout_s,
            password=password,
            http=self._http,
        )

    async def status(self, address: str) -> dict[str, Json]:
        """`GET /patroni`: state, role, timeline, xlog, pending_restart, dcs_last_seen, ..."""
        return await self._json("GET", address, "/patroni")

    async def config(self, address: str) -> dict[str, Json]:
        """The cluster's dynamic configuration."""
        return await self._json("GET", address, "/config")

    async def patch_config(self, address: str, patch: Mapping[str, Json]) -> dict[str, Json]:
        """Merge `patch` into the dynamic configuration; None removes a key. Gives the result."""
        return await self._json("PATCH", address, "/config", body=patch)

    async def switchover(
        self,
        address: str,
        *,
        leader: str,
        candidate: str | None = None,
        timeout_s: float = 60.0,
    ) -> str:
        """Hand the leader's role over; returns Patroni's sentence once it is done."""
        body: dict[str, Json] = {"leader": leader}
        if candidate is not None:
            body["candidate"] = candidate
        return await self._text("POST", address, "/switchover", body, timeout_s)

    async def restart(self, address: str, *, timeout_s: float = 120.0) -> str:
        """Restart PostgreSQL of the node; returns when it is up again."""
        return await self._text("POST", address, "/restart", {}, timeout_s)

    async def reload(self, address: str) -> str:
        """Make Patroni read its file again and reload PostgreSQL."""
        return await self._text("POST", address, "/reload", {}, self._timeout_s)

    async def reinitialize(self, address: str) -> str:
        """Throw the replica's data away and copy it anew; returns when that has begun."""
        return await self._text("POST", address, "/reinitialize", {"force": True}, 30.0)

    async def _json(
        self, method: str, address: str, path: str, body: Mapping[str, Json] | None = None
    ) -> dict[str, Json]:
        answer = await self._ask(method, address, path, body)
        # /patroni answers 503 while PostgreSQL is down, with the state as its body all the same.
        if path == "/patroni" and answer.status_code == 503:
            return cast(dict[str, Json], answer.json())
        return cast(dict[str, Json], self._checked(answer, address, f"{method} {path}").json())

    async def _text(
        self, method: str, address: str, path: str, body: Mapping[str, Json], timeout_s: float
    ) -> str:
        answer = await self._ask(method, address, path, body, timeout_s)
        return self._checked(answer, address, f"{method} {path}").text.strip()

    async def _ask(
        self,
        method: str,
        address: str,
        path: str,
        body: Mapping[str, Json] | None = None,
        timeout_s: float | None = None,
    ) -> httpx.Response:
        url = f"https://{address}:{self._port}{path}"
        content: dict[str, Any] = {} if body is None else {"json": dict(body)}
        try:
            return await self._http.request(
                method, url, auth=self._auth, timeout=timeout_s or self._timeout_s, **content
            )
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            raise TimedOut(
                f"patroni at {address}:{self._port} did not answer {method} {path} within "
                f"{timeout_s or self._timeout_s:g} s",
                subject=f"patroni {address}",
            ) from None
        except httpx.TransportError as error:
            raise Transient(
                f"patroni at {address}:{self._port} is not reachable for {method} {path}: "
                f"{str(error) or type(error).__name__}",
                subject=f"patroni {address}",
            ) from error

    def _checked(self, answer: httpx.Response, address: str, asked: str) -> httpx.Response:
        if answer.is_success:
            return answer
        said = answer.text.strip()[:300]
        message = (
            f"patroni at {address}:{self._port} answered {asked} with {answer.status_code}: {said}"
        )
        kind = Conflict if answer.status_code in (409, 412, 503) else Error
        raise kind(message, subject=f"patroni {address}")
