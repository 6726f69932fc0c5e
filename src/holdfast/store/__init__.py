"""The control database: what Holdfast knows, in PostgreSQL.

One module a concern, each a set of functions that take an open connection, so that a caller
composes them into one transaction: `async with store.begin() as connection: ...`. Values go in
and frozen dataclasses come out; no SQL leaves this room. What stays out: decisions, and the
workflow library's tables, which live in a schema of their own.
"""

from sqlalchemy.ext.asyncio import AsyncConnection as Connection

from holdfast.store.connection import Store

__all__ = ["Connection", "Store"]
