"""The door to etcd, through the JSON gateway of its v3 API.

Keys and values are text. The gateway knows no certificate users (etcd 3.4), so a user and a
password give a token, and the client certificate is demanded besides. A member that does not
answer is passed over for the next; the one that answered last is asked first.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, NamedTuple, TypeAlias, cast

import httpx

from holdfast.core.change import Json
from holdfast.core.errors import Conflict, Error, Forbidden, TimedOut, Transient
from holdfast.system.tls import Identity, client_context

_STALE_TOKEN = ("invalid auth token", "revision of auth store is old")
_ALREADY = ("already exists", "already granted", "already enabled")
_PASSING = ("no leader", "request timed out", "leader changed", "too many requests", "not ready")
_UNAVAILABLE = 14


class Value(NamedTuple):
    """A key's value and the revision of its last change."""

    value: str
    mod_revision: int


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one key.

    `reset` says that changes were missed because the history was compacted: forget everything
    known of the prefix; a `put` for every key that is there follows.
    """

    kind: Literal["put", "delete", "reset"]
    key: str
    value: str
    mod_revision: int


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """`detail` says why a member is not healthy."""

    endpoint: str
    healthy: bool
    is_leader: bool = False
    detail: str = ""


Access: TypeAlias = Literal["read", "write", "readwrite"]


class EtcdClient:
    """A client of one etcd cluster. Every call ends within about `deadline_s`."""
