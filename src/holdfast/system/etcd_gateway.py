"""How one question reaches etcd: tokens, failover between members, errors with names.

`etcd` says what to ask; this module gets it answered, or says how many members are left.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import httpx

from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Error, Forbidden, NotFound, TimedOut, Transient
from holdfast.system import tls
from holdfast.system.tls import Identity, client_context

_STALE_TOKEN = ("invalid auth token", "revision of auth store is old")
_PASSING = ("no leader", "request timed out", "leader changed", "too many requests", "not ready")
_WATCH_IDLE_S = 20.0
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An etcd user and its password."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r})"


class Gateway:
    """Asks the members of one etcd cluster, the one that answered last first."""

    def __init__(
        self,
        endpoints: Sequence[str],
        identity: Identity,
        credentials: Credentials | None,
        timeout_s: float,
    ) -> None:
        self._endpoints = list(endpoints)
        self._credentials = credentials
        self._token = ""
        self._timeout_s = timeout_s
        self._login = asyncio.Lock()
        self._identity = identity
        self._context = client_context(identity)
        self._http = httpx.AsyncClient(
            verify=self._context,
            timeout=httpx.Timeout(timeout_s, connect=min(1.0, timeout_s)),
            trust_env=False,
        )

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Client URLs of the members, in the order in which they are asked."""
        return tuple(self._endpoints)

    def reread(self) -> None:
        """Show the certificate that is in its file now, on every new connection."""
        tls.reread(self._context, self._identity.certificate, self._identity.key)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def call(
        self, path: str, body: Mapping[str, Json], *, repeatable: bool = True
    ) -> dict[str, Json]:
        """Ask until a member answers.

        What is not `repeatable` is not asked again once a member may have taken it: then
        `TimedOut` says that the outcome is unknown.
        """
        failures: list[str] = []
        for endpoint in list(self._endpoints):
            try:
                answer = await self._answered(endpoint, path, body)
            except httpx.TransportError as error:
                failures.append(f"{endpoint}: {str(error) or type(error).__name__}")
                if repeatable or isinstance(error, _NOTHING_SENT):
                    continue
                raise await self._unanswered(path, failures, known=False) from error
            said = _said(answer)
            if answer.is_success and not said:
                self._prefer(endpoint)
                return cast(dict[str, Json], answer.json())
            if not _is_passing(answer, said):
                raise _declined(endpoint, path, said or str(answer.status_code))
            failures.append(f"{endpoint}: {said}")
        raise await self._unanswered(path, failures, known=True)

    async def stream(
        self, path: str, body: Mapping[str, Json]
    ) -> AsyncGenerator[dict[str, Json], None]:
        """The messages of one streaming call, until the member goes away or has been quiet.

        Raises `Transient` at the end in either case; the caller comes back for the rest.
        """
        endpoint = self._endpoints[0]
        try:
            headers = await self._authorization(endpoint)
            timeout = httpx.Timeout(self._timeout_s, connect=1.0, read=_WATCH_IDLE_S)
            async with self._http.stream(
                "POST", endpoint + path, json=dict(body), headers=headers, timeout=timeout
            ) as answer:
                async for line in answer.aiter_lines():
                    if line.strip():
                        yield cast(dict[str, Json], json.loads(line))
        except httpx.TransportError as error:
            self._postpone(endpoint)
            what = str(error) or type(error).__name__
            raise Transient(f"etcd at {endpoint} ended {path}: {what}") from error
        self._postpone(endpoint)
        raise Transient(f"etcd at {endpoint} ended {path}")

    def forget_token(self) -> None:
        """Log in anew before the next question."""
        self._token = ""

    async def ask_member(self, endpoint: str, method: str, path: str) -> dict[str, Json]:
        """Ask this one member. Raises `Transient` when it does not answer with JSON."""
        try:
            content = json.dumps({}).encode() if method == "POST" else None
            answer = await self._http.request(method, endpoint + path, content=content)
            return cast(dict[str, Json], answer.json())
        except (httpx.TransportError, ValueError) as error:
            raise Transient(
                f"etcd member {endpoint} does not answer: {str(error) or type(error).__name__}",
                subject=f"etcd {endpoint}",
            ) from error

    async def _answered(self, endpoint: str, path: str, body: Mapping[str, Json]) -> httpx.Response:
        answer = await self._post(endpoint, path, body)
        if any(text in _said(answer) for text in _STALE_TOKEN):
            self.forget_token()
            answer = await self._post(endpoint, path, body)
        return answer

    async def _post(self, endpoint: str, path: str, body: Mapping[str, Json]) -> httpx.Response:
        headers = await self._authorization(endpoint)
        return await self._http.post(endpoint + path, json=dict(body), headers=headers)

    async def _authorization(self, endpoint: str) -> dict[str, str]:
        if self._credentials is None:
            return {}
        async with self._login:
            if not self._token:
                self._token = await self._authenticate(endpoint, self._credentials)
        return {"Authorization": self._token} if self._token else {}

    async def _authenticate(self, endpoint: str, credentials: Credentials) -> str:
        path = "/v3/auth/authenticate"
        body = {"name": credentials.user, "password": credentials.password}
        answer = await self._http.post(endpoint + path, json=body)
        said = _said(answer)
        if "authentication is not enabled" in said:
            return ""
        if said and _is_passing(answer, said):
            raise httpx.ReadError(said)
        if said:
            raise Forbidden(
                f"etcd at {endpoint} refused user {credentials.user}: {said}",
                subject=f"etcd user {credentials.user}",
            )
        return cast(str, answer.json()["token"])

    def _prefer(self, endpoint: str) -> None:
        if self._endpoints[0] != endpoint:
            self._endpoints.remove(endpoint)
            self._endpoints.insert(0, endpoint)

    def _postpone(self, endpoint: str) -> None:
        if endpoint in self._endpoints:
            self._endpoints.remove(endpoint)
            self._endpoints.append(endpoint)

    async def _unanswered(self, path: str, failures: Sequence[str], *, known: bool) -> Error:
        """The error for a question that no member answered, with how many are alive."""
        alive = await asyncio.gather(*(self._is_alive(endpoint) for endpoint in self._endpoints))
        members = len(self._endpoints)
        if sum(alive) * 2 <= members:
            return Transient(
                f"etcd has no quorum: {sum(alive)} of {members} members answer "
                f"(asked {path}; {'; '.join(failures)})",
                subject="etcd",
                hint="run holdfast status to see which members are down",
            )
        if not known:
            return TimedOut(f"etcd did not say whether it did {path}: {'; '.join(failures)}")
        return Transient(f"etcd did not answer {path}: {'; '.join(failures)}", subject="etcd")

    async def _is_alive(self, endpoint: str) -> bool:
        try:
            return (await self._http.get(endpoint + "/version", timeout=1.0)).is_success
        except httpx.TransportError:
            return False


def _said(answer: httpx.Response) -> str:
    """Etcd's error text, empty when the answer is no error."""
    if answer.is_success and b'"error"' not in answer.content[:200]:
        return ""
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:200] or f"status {answer.status_code}"
    return str(body.get("error") or body.get("message") or "") if isinstance(body, dict) else ""


def _is_passing(answer: httpx.Response, said: str) -> bool:
    """Whether another member, or the same one later, may well do it."""
    return answer.status_code in (503, 504) or any(text in said for text in _PASSING)


def _declined(endpoint: str, path: str, said: str) -> Error:
    message = f"etcd at {endpoint} declined {path}: {said}"
    if "permission denied" in said:
        return Forbidden(message, subject="etcd")
    if "not found" in said:
        return NotFound(message, subject="etcd")
    if "already" in said:
        return Conflict(message, subject="etcd")
    return Error(message, subject="etcd")
