"""What a member is started with."""

from __future__ import annotations

from pathlib import PurePosixPath

from ruamel.yaml import YAML

from holdfast.core.layout import Site
from holdfast.providers.etcd_members import MEMBERS, _configuration

SITE = Site(PurePosixPath("/srv/holdfast"), "0123abcd", "127.77.13", "holdfast")


def test_the_file_is_yaml_without_a_key_that_stands_twice() -> None:
    # This reader raises on the second of two equal keys; etcd takes one of them.
    found = YAML(typ="safe", pure=True).load(_configuration(SITE, 2, "new", MEMBERS))
    assert found["name"] == "etcd-2"
    assert found["client-transport-security"]["client-cert-auth"] is True
    assert found["peer-transport-security"]["client-cert-auth"] is True
    assert found["enable-grpc-gateway"] is True
