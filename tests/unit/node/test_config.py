"""The agent's configuration: there and back, and every mistake by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.core.errors import Invalid
from holdfast.node.config import LAG_BOUND_BYTES, NodeConfig

IDENTITY = {"ca": "/ca.crt", "certificate": "/me.crt", "key": "/me.key"}


def document(**changes: Any) -> dict[str, Any]:
    return {
        "cluster": "shop",
        "node": "shop-1",
        "address": "10.0.0.1",
        "socket_folder": "/run/shop-1",
        "databases": ["shop"],
        "rw": {"port": 6432, "databases_file": "/rw.ini"},
        "ro": {"port": 6433, "databases_file": "/ro.ini"},
        "identity": IDENTITY,
        "etcd": {
            "endpoints": ["https://10.0.0.9:2379"],
            "user": "cluster-shop",
            "password_file": "/password",
            "identity": IDENTITY,
        },
        "check_user": "holdfast_pooler",
        **changes,
    }


def read(**changes: Any) -> NodeConfig:
    return NodeConfig.from_json(json.dumps(document(**changes)))


def test_there_and_back() -> None:
    config = read()
    assert NodeConfig.from_json(config.to_json()) == config


def test_what_may_be_left_out() -> None:
    config = read()
    assert (config.check_database, config.postgresql_port) == ("postgres", 5432)
    assert config.lag_bound_bytes == LAG_BOUND_BYTES


def test_where_its_keys_are() -> None:
    assert read().prefix == "/holdfast/shop/"
    assert read().report_key == "/holdfast/shop/pooler/nodes/shop-1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "the whole is not an object"),
        (json.dumps(document(colour="red")), "unknown field colour"),
        (json.dumps({k: v for k, v in document().items() if k != "node"}), "field node is missing"),
        (json.dumps(document(rw={"port": 1})), "field rw.databases_file is missing"),
        (json.dumps(document(identity={})), "field identity.ca is missing"),
        (json.dumps(document(databases=["a b"])), "cannot serve a database 'a b'"),
        (json.dumps(document(databases=["a\nb"])), "cannot serve a database"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        NodeConfig.from_json(text)
