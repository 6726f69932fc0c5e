"""Users and roles of etcd: who may read and write which keys."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Error, NotFound, Transient
from holdfast.system.etcd_gateway import Gateway

Access: TypeAlias = Literal["READ", "WRITE", "READWRITE"]


class EtcdUsers:
    """The part of the client that knows users. Errors are the client's."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def ensure_user(self, user: str, password: str, roles: Sequence[str] = ()) -> None:
        """Make the user, or set the password of the one that is there; give it just these roles."""
        body = {"name": user, "password": password}
        try:
            await self._gateway.call("/v3/auth/user/add", body)
        except Conflict:
            await self._gateway.call("/v3/auth/user/changepw", body)
        present = await self._roles(user) or []
        for role in roles:
            if role not in present:
                await self._gateway.call("/v3/auth/user/grant", {"user": user, "role": role})
        for role in present:
            if role not in roles:
                await self._gateway.call("/v3/auth/user/revoke", {"name": user, "role": role})

    async def ensure_role(
        self, role: str, prefix: str = "", *, access: Access = "READWRITE"
    ) -> None:
        """Make the role; with a prefix, let it into those keys and no others."""
        with contextlib.suppress(Conflict):
            await self._gateway.call("/v3/auth/role/add", {"name": role})
        if prefix:
            permission = {"permType": access, **key_range(prefix)}
            await self._gateway.call("/v3/auth/role/grant", {"name": role, "perm": permission})
            for other in await self._permissions(role):
                keys = {key: other.get(key, "") for key in ("key", "range_end")}
                if keys != key_range(prefix):
                    await self._gateway.call("/v3/auth/role/revoke", {"role": role, **keys})

    async def reach(self, user: str) -> list[str] | None:
        """What the user may do, as `READWRITE /holdfast/orders/*`, sorted; None where it is absent.

        Of a range that is no prefix both ends are given.
        """
        roles = await self._roles(user)
        if roles is None:
            return None
        permissions = [each for role in roles for each in await self._permissions(role)]
        found = {f"{each.get('permType', 'READ')} {_keys(each)}" for each in permissions}
        # This role may do everything, and has no permission that says so.
        return sorted(found | {"READWRITE every key"} if "root" in roles else found)

    async def accepts(self, user: str, password: str) -> bool:
        """Whether the user can log in with this password. Takes etcd a tenth of a second."""
        try:
            await self._gateway.call("/v3/auth/authenticate", {"name": user, "password": password})
        except Transient:
            raise
        except Error:
            return False
        return True

    async def _roles(self, user: str) -> list[str] | None:
        try:
            answer = await self._gateway.call("/v3/auth/user/get", {"name": user})
        except NotFound:
            return None
        return list(answer.get("roles") or [])

    async def _permissions(self, role: str) -> list[dict[str, Json]]:
        try:
            answer = await self._gateway.call("/v3/auth/role/get", {"role": role})
        except NotFound:
            return []
        return list(answer.get("perm") or [])

    async def users(self) -> list[str]:
        """The names of all users."""
        return list((await self._gateway.call("/v3/auth/user/list", {})).get("users") or [])

    async def delete_user(self, user: str) -> None:
        """Remove the user. Absent is fine."""
        with contextlib.suppress(NotFound):
            await self._gateway.call("/v3/auth/user/delete", {"name": user})

    async def delete_role(self, role: str) -> None:
        """Remove the role. Absent is fine."""
        with contextlib.suppress(NotFound):
            await self._gateway.call("/v3/auth/role/delete", {"role": role})

    async def enable_auth(self) -> None:
        """Demand a user from now on. Needs user and role `root`; enabled already is fine."""
        with contextlib.suppress(Conflict):
            await self._gateway.call("/v3/auth/enable", {})


def _keys(permission: Mapping[str, Json]) -> str:
    start = base64.b64decode(permission.get("key", ""))
    end = base64.b64decode(permission.get("range_end", ""))
    text = start.decode(errors="replace")
    if end == b"\0":
        return f"every key from {text}" if start.strip(b"\0") else "every key"
    if not end:
        return text
    return f"{text}*" if end == _after(start) else f"{text} to {end.decode(errors='replace')}"


def _after(prefix: bytes) -> bytes:
    return prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else b"\0"


def key_range(prefix: str) -> dict[str, Json]:
    """The keys from `prefix` to the first that no longer begins with it."""
    start = prefix.encode()
    return {
        "key": base64.b64encode(start or b"\0").decode(),
        "range_end": base64.b64encode(_after(start)).decode(),
    }
