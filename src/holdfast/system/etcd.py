"""The door to etcd, through the JSON gateway of its v3 API. Keys and values are text.

The gateway knows no certificate users (etcd 3.4), so a user and a password give a token, and
the client certificate is demanded besides.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, NamedTuple, Self

from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Forbidden, NotFound, Transient
from holdfast.system.etcd_gateway import Credentials, Gateway
from holdfast.system.etcd_users import EtcdUsers, key_range
from holdfast.system.tls import Identity

__all__ = ["Credentials", "EtcdClient", "Event", "MemberHealth", "Value"]

_PAUSES_S = (0.1, 0.3, 1.0, 2.0)
_DENIALS = 3


class Value(NamedTuple):
    """A key's value and the revision of its last change."""

    value: str
    mod_revision: int


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one key.

    `reset` says: forget what is known of the prefix; a `put` for every key that is there
    follows. Every watch begins with one.
    """

    kind: Literal["put", "delete", "reset"]
    key: str = ""
    value: str = ""
    mod_revision: int = 0


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """`detail` says why a member is not healthy."""

    endpoint: str
    healthy: bool
    is_leader: bool = False
    detail: str = ""


class EtcdClient(EtcdUsers):
    """A client of one etcd cluster.

    `timeout_s` bounds one member's answer; a call asks every member once, so it ends within the
    members' number of timeouts. Errors: `Transient` (`etcd has no quorum: 1 of 3 members
    answer`), `Forbidden`, `NotFound`, `Conflict`, `TimedOut` where the outcome is unknown.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        identity: Identity,
        *,
        credentials: Credentials | None = None,
        timeout_s: float = 2.0,
    ) -> None:
        super().__init__(Gateway(endpoints, identity, credentials, timeout_s))

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
        await self._gateway.close()

    def reread(self) -> None:
        """Show the certificate that is in its file now, on every new connection."""
        self._gateway.reread()

    async def get(self, key: str) -> Value | None:
        """The key's value, None when there is no such key."""
        answer = await self._gateway.call("/v3/kv/range", {"key": _coded(key)})
        found = answer.get("kvs") or []
        return _value(found[0]) if found else None

    async def get_prefix(self, prefix: str) -> dict[str, Value]:
        """All keys that begin with `prefix`."""
        return (await self.snapshot(prefix))[0]

    async def snapshot(self, prefix: str) -> tuple[dict[str, Value], int]:
        """All keys that begin with `prefix`, and the revision at which they were read."""
        answer = await self._gateway.call("/v3/kv/range", key_range(prefix))
        values = {_text(kv["key"]): _value(kv) for kv in answer.get("kvs") or []}
        return values, int(answer["header"]["revision"])

    async def put(self, key: str, value: str, *, lease: int | None = None) -> int:
        """Set the key; gives the revision."""
        answer = await self._gateway.call("/v3/kv/put", _put(key, value, lease))
        return int(answer["header"]["revision"])

    async def delete(self, key: str) -> bool:
        """Remove the key; False when it was not there."""
        answer = await self._gateway.call("/v3/kv/deleterange", {"key": _coded(key)})
        return int(answer.get("deleted", 0)) > 0

    async def delete_prefix(self, prefix: str) -> int:
        """Remove all keys that begin with `prefix`; gives their number."""
        answer = await self._gateway.call("/v3/kv/deleterange", key_range(prefix))
        return int(answer.get("deleted", 0))

    async def compare_and_put(
        self, key: str, value: str, *, mod_revision: int, lease: int | None = None
    ) -> bool:
        """Set the key if its last change is still `mod_revision` (0: if it does not exist)."""
        return await self.transact(
            [_unchanged(key, mod_revision)], [{"request_put": _put(key, value, lease)}]
        )

    async def compare_and_delete(self, key: str, *, mod_revision: int) -> bool:
        """Remove the key if its last change is still `mod_revision`."""
        return await self.transact(
            [_unchanged(key, mod_revision)], [{"request_delete_range": {"key": _coded(key)}}]
        )

    async def transact(
        self, compare: Sequence[Mapping[str, Json]], success: Sequence[Mapping[str, Json]]
    ) -> bool:
        """Do `success` if all of `compare` hold (the gateway's own JSON); True if they did."""
        body: dict[str, Json] = {"compare": list(compare), "success": list(success)}
        answer = await self._gateway.call("/v3/kv/txn", body, repeatable=False)
        return bool(answer.get("succeeded", False))

    async def grant_lease(self, ttl_s: int) -> int:
        """A new lease that ends after `ttl_s`, with the keys that were put under it."""
        return int((await self._gateway.call("/v3/lease/grant", {"TTL": ttl_s}))["ID"])

    async def revoke_lease(self, lease: int) -> None:
        """End the lease and remove its keys. An ended one is fine."""
        with contextlib.suppress(NotFound):
            await self._gateway.call("/v3/lease/revoke", {"ID": lease})

    async def watch_prefix(self, prefix: str) -> AsyncIterator[Event]:
        """All keys of the prefix, then every change, without end.

        A lost member is replaced by another and the watch goes on at the revision where it was.
        While no member answers it tries again with growing pauses. Raises `Forbidden` when the
        user may not read the prefix.
        """
        revision = 0
        failed = denied = 0
        while True:
            try:
                if revision == 0:
                    values, revision = await self.snapshot(prefix)
                    yield Event("reset", mod_revision=revision)
                    for key, value in values.items():
                        yield Event("put", key, value.value, value.mod_revision)
                async for result in self._changes(prefix, revision + 1):
                    failed = denied = 0
                    for event in _events(result):
                        revision = max(revision, event.mod_revision)
                        yield event
            except _CompactedError:
                revision = 0
            except Forbidden:
                # An outdated token looks the same as a missing permission.
                self._gateway.forget_token()
                denied += 1
                if denied >= _DENIALS:
                    raise
            except Transient:
                await asyncio.sleep(_PAUSES_S[min(failed, len(_PAUSES_S) - 1)])
                failed += 1

    async def _changes(self, prefix: str, revision: int) -> AsyncIterator[dict[str, Json]]:
        request = {"create_request": {**key_range(prefix), "start_revision": revision}}
        async with contextlib.aclosing(self._gateway.stream("/v3/watch", request)) as stream:
            async for message in stream:
                if "error" in message:
                    self._gateway.forget_token()
                    raise Transient(f"etcd ended the watch of {prefix}: {message['error']}")
                result = message["result"]
                if int(result.get("compact_revision", 0)) > 0:
                    raise _CompactedError
                if result.get("canceled"):
                    why = result.get("cancel_reason", "")
                    raise Forbidden(f"etcd declined the watch of {prefix}: {why}")
                yield result

    async def members(self) -> list[MemberHealth]:
        """The health of every endpoint, in the order of their addresses."""
        endpoints = sorted(self._gateway.endpoints)
        return list(await asyncio.gather(*(self._health(endpoint) for endpoint in endpoints)))

    async def _health(self, endpoint: str) -> MemberHealth:
        try:
            status = await self._gateway.ask_member(endpoint, "POST", "/v3/maintenance/status")
            if int(status.get("leader", 0)) == 0:
                # Not asked for its health, which is a read: one that begins without a leader
                # blocks all reads of the member for seven seconds (etcd 3.4).
                return MemberHealth(endpoint, healthy=False, detail="it answers, but has no leader")
            health = await self._gateway.ask_member(endpoint, "GET", "/health")
        except Transient as error:
            return MemberHealth(endpoint, healthy=False, detail=error.message)
        healthy = str(health.get("health", "")).lower() == "true"
        return MemberHealth(
            endpoint,
            healthy,
            is_leader=status.get("header", {}).get("member_id") == status["leader"],
            detail="" if healthy else "it answers, but has no quorum",
        )

    async def replace_member(self, peer_url: str) -> None:
        """Have a blank member expected at `peer_url`, and the one that was there forgotten."""
        listed = await self._gateway.call("/v3/cluster/member/list", {})
        for member in listed["members"]:
            if peer_url in member.get("peerURLs", []):
                with contextlib.suppress(NotFound):
                    await self._gateway.call("/v3/cluster/member/remove", {"ID": member["ID"]})
        with contextlib.suppress(Conflict):
            await self._gateway.call("/v3/cluster/member/add", {"peerURLs": [peer_url]})


class _CompactedError(Exception):
    """The revision that a watch would go on from is history."""


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _text(code: str) -> str:
    return base64.b64decode(code).decode(errors="replace")


def _put(key: str, value: str, lease: int | None) -> dict[str, Json]:
    return {"key": _coded(key), "value": _coded(value)} | ({"lease": lease} if lease else {})


def _unchanged(key: str, mod_revision: int) -> dict[str, Json]:
    return {
        "key": _coded(key),
        "target": "MOD",
        "result": "EQUAL",
        "mod_revision": mod_revision,
    }


def _value(kv: Mapping[str, Json]) -> Value:
    return Value(_text(kv.get("value", "")), int(kv["mod_revision"]))


def _events(result: Mapping[str, Json]) -> list[Event]:
    found = []
    for event in result.get("events") or []:
        kv = event["kv"]
        kind: Literal["put", "delete"] = "delete" if event.get("type") == "DELETE" else "put"
        found.append(
            Event(kind, _text(kv["key"]), _text(kv.get("value", "")), int(kv["mod_revision"]))
        )
    return found
