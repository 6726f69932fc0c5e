"""A connection string without its password, for programs whose command line everybody can read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from holdfast.core.errors import Refused

_PAIR = re.compile(r"\s*([A-Za-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s\\']|\\.)*)(?=\s|$)")


def without_password(dsn: str) -> tuple[str, dict[str, str]]:
    """A URI, or `keyword=value` pairs, without the password; and the environment that has it.

    Raises `Refused` for one in which nobody can tell where the password ends, so that no part of
    one is ever taken for something else. The text itself is in no error.
    """
    return _of_uri(dsn) if "://" in dsn else _of_pairs(dsn)


def _of_uri(dsn: str) -> tuple[str, dict[str, str]]:
    _, _, rest = dsn.partition("://")
    login, at, _ = rest.rpartition("@")
    if at and re.search(r"[/?#\s]", login):
        raise Refused(
            "the URI has a character before its @ that ends the password there",
            subject="--database",
            hint="write / as %2F, ? as %3F, # as %23 and @ as %40 inside a password",
        )
    parts = urlsplit(dsn)
    login, at, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    query = parse_qsl(parts.query, keep_blank_values=True)
    _refuse_others(name for name, _ in query)
    word = next((value for name, value in query if name == "password"), unquote(password))
    rest = urlencode([pair for pair in query if pair[0] != "password"], safe="/:,")
    # Not by geturl(), which makes postgresql:/name of postgresql:///name.
    bare = f"{parts.scheme}://{user}{at}{hosts}{parts.path}{'?' if rest else ''}{rest}"
    return bare, {"PGPASSWORD": word} if word else {}


def _of_pairs(dsn: str) -> tuple[str, dict[str, str]]:
    if "=" not in dsn:
        return dsn, {}  # the name of a database
    kept: list[str] = []
    secret: dict[str, str] = {}
    place = 0
    while dsn[place:].strip():
        found = _PAIR.match(dsn, place)
        if found is None:
            raise Refused(
                f"the connection string cannot be read from its character {place + 1} on",
                subject="--database",
                hint="write keyword=value pairs, and a value with blanks in single quotes",
            )
        place = found.end()
        if found[1] == "password":
            secret["PGPASSWORD"] = _plain(found[2])
        else:
            _refuse_others([found[1]])
            kept.append(f"{found[1]}={found[2]}")
    return " ".join(kept), secret


def _refuse_others(words: Iterable[str]) -> None:
    if "sslpassword" in words:
        raise Refused(
            "sslpassword would stand in the command line of psql",
            subject="--database",
            hint="use a key without a passphrase, or give the schema with --schema",
        )


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1] if value.startswith("'") else value)
