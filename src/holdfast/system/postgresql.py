"""The door to a PostgreSQL server: a psycopg connection whose every wait has a deadline."""

from __future__ import annotations

import asyncio

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from holdfast.core.errors import Forbidden, Transient

_REFUSED = (
    psycopg.errors.InvalidPassword,
    psycopg.errors.InvalidAuthorizationSpecification,
    psycopg.errors.InsufficientPrivilege,
)


async def connect(
    dsn: str = "",
    *,
    timeout_s: float = 5.0,
    statement_timeout_s: float | None = 60.0,
    autocommit: bool = True,
    **parameters: str | int,
) -> psycopg.AsyncConnection[TupleRow]:
    """Connect with libpq `parameters` (host, port, user, dbname, sslmode, sslrootcert, ...).

    The whole connect is bounded by `timeout_s`; `statement_timeout_s` (0 for none, None to leave
    it to the server) bounds each statement there, and a silent network is noticed by keepalives.
    Raises `Forbidden` when the server turns the role away and `Transient` when none answers.
    """
    settings: dict[str, str | int] = {
        "application_name": "holdfast",
        "connect_timeout": max(2, round(timeout_s)),
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "options": _options(statement_timeout_s),
        **parameters,
    }
    where = _where(dsn, parameters)
    try:
        async with asyncio.timeout(timeout_s):
            return await psycopg.AsyncConnection.connect(
                make_conninfo(dsn, **settings), autocommit=autocommit
            )
    except TimeoutError:
        raise Transient(f"{where} did not answer within {timeout_s:g} s", subject=where) from None
    except _REFUSED as error:
        raise Forbidden(f"{where} refused the connection: {_one_line(error)}") from error
    except psycopg.OperationalError as error:
        raise Transient(f"no connection to {where}: {_one_line(error)}", subject=where) from error


def _options(statement_timeout_s: float | None) -> str:
    if statement_timeout_s is None:
        return ""
    return f"-c statement_timeout={round(statement_timeout_s * 1000)}"


def _where(dsn: str, parameters: dict[str, str | int]) -> str:
    """`postgresql 127.0.0.1:5432/orders as postgres`; never the password."""
    known = {**conninfo_to_dict(dsn), **parameters}
    place = f"{known.get('host', 'localhost')}:{known.get('port', 5432)}"
    return f"postgresql {place}/{known.get('dbname', '')} as {known.get('user', '')}"


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines[-3:])[:500]
