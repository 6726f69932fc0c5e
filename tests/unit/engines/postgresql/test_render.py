"""What a document becomes: HBA, Patroni's configurations, files of the node's programs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from ruamel.yaml import YAML

from holdfast.core.errors import Refused
from holdfast.engines.postgresql.cluster import (
    Installation,
    filled,
    nodes,
    references,
    refuse_long_paths,
)
from holdfast.engines.postgresql.endpoints import uri
from holdfast.engines.postgresql.observe_node import rules, settings
from holdfast.engines.postgresql.render import desired, node_templates
from holdfast.engines.postgresql.render_patroni import (
    before_stop_script,
    dynamic_configuration,
    hba_rules,
)
from holdfast.node.config import NodeConfig
from tests.unit.engines.postgresql.clusters import INSTALLATION, SITE, cluster

TIER_0 = cluster()
NODE = TIER_0.nodes[0]


def test_no_rule_lets_anybody_in_without_proof() -> None:
    methods = {rule.split()[-1].split("=")[0] for rule in hba_rules(TIER_0)}
    words = {word for rule in hba_rules(TIER_0) for word in rule.split()}
    assert not words & {"trust", "md5", "password", "ident", "host", "hostnossl"}
    assert methods <= {"peer", "reject", "scram-sha-256", "cert", "map"}


def test_the_superuser_has_no_way_in_by_password() -> None:
    for rule in hba_rules(TIER_0):
        kind, _, users, *rest = rule.split()
        if rest[-1] == "scram-sha-256":
            before = hba_rules(TIER_0)[: hba_rules(TIER_0).index(rule)]
            closed = [r for r in before if r.split()[0] == kind and r.endswith("reject")]
            assert users == "all"
            assert any("postgres" in r.split()[2].split(",") for r in closed)


def test_nobody_but_a_node_receives_wal() -> None:
    """With no standby left Patroni names `*`, so that any receiver would satisfy a commit."""
    # `all` does not mean replication to PostgreSQL.
    receivers = [rule.split() for rule in hba_rules(TIER_0) if "replication" in rule.split()[1]]
    assert {(rule[0], rule[2], rule[-1]) for rule in receivers} == {
        ("hostssl", "holdfast_replicator", "cert")
    }


def test_tier_0_never_acknowledges_what_only_one_node_has() -> None:
    configuration = dynamic_configuration(TIER_0)
    assert configuration["synchronous_mode"] == "quorum"
    assert configuration["synchronous_mode_strict"] is True
    timing = TIER_0.tier.timing
    assert timing.loop_wait_s + 2 * timing.retry_timeout_s <= timing.ttl_s


def test_a_node_s_file_holds_no_secret_and_says_which_it_needs() -> None:
    templates = node_templates(TIER_0, NODE)
    needed = {ref for each in templates.values() for ref in references(each.text)}
    assert needed == {"orders/etcd", "orders/patroni", "orders/repository"}
    assert all(each.mode & 0o077 == 0 for each in templates.values())


def test_the_node_s_file_does_not_move_with_the_dynamic_configuration() -> None:
    path = str(NODE.paths.conf / "patroni.yml")
    other = cluster(size="s", more="parameters: {work_mem: 8MB}")
    assert node_templates(TIER_0, NODE)[path] == node_templates(other, other.nodes[0])[path]


def test_patroni_s_file_reads_back() -> None:
    text = node_templates(TIER_0, NODE)[str(NODE.paths.conf / "patroni.yml")].text
    document = YAML(typ="safe").load(text)
    assert document["name"] == "orders-1"
    assert document["restapi"]["verify_client"] == "required"


def test_the_agent_reads_what_is_written_for_it() -> None:
    text = node_templates(TIER_0, NODE)[str(NODE.paths.conf / "node.json")].text
    config = NodeConfig.from_json(text)
    assert (config.cluster, config.node, config.address) == ("orders", "orders-1", NODE.address)
    assert json.loads(config.to_json())["databases"] == ["orders"]


def test_filling_leaves_no_placeholder() -> None:
    text = "a ${secret:x/y} b ${secret:z} c ${secret:x/y}"
    assert references(text) == ["x/y", "z"]
    assert filled(text, {"x/y": "1", "z": "2"}) == "a 1 b 2 c 1"


def test_the_planned_stop_needs_its_mark() -> None:
    lines = before_stop_script(NODE).splitlines()
    assert lines[0] == "#!/bin/sh"
    assert lines[1].startswith("[ -f ") and lines[1].endswith("|| exit 0")


def test_every_uri_names_every_node() -> None:
    for pooled, port in ((False, 5432), (True, 6432)):
        text = uri(TIER_0, "u", "p", database="orders", pooled=pooled, leader="orders-2")
        hosts = text.split("@")[1].split("/")[0].split(",")
        assert sorted(hosts) == [f"{node.address}:{port}" for node in TIER_0.nodes]
        assert hosts[0] == f"{TIER_0.nodes[1].address}:{port}"
        assert "sslmode=verify-full" in text


def test_a_uri_names_the_places_of_nodes_that_may_come_after_those_that_are_there() -> None:
    larger = replace(TIER_0, reserved=("127.77.13.14", "127.77.13.15"))
    for pooled, port in ((False, 5432), (True, 6432)):
        text = uri(larger, "u", "p", database="orders", pooled=pooled, leader="orders-2")
        hosts = text.split("@")[1].split("/")[0].split(",")
        assert hosts[0] == f"{TIER_0.nodes[1].address}:{port}"
        assert hosts[3:] == [f"127.77.13.14:{port}", f"127.77.13.15:{port}"]


def test_readers_meet_the_leader_last() -> None:
    text = uri(TIER_0, "u", "p", database="orders", read_only=True, leader="orders-1")
    hosts = text.split("@")[1].split("/")[0].split(",")
    assert hosts[-1].startswith(TIER_0.nodes[0].address)


def test_resource_ids_are_unique_and_after_names_some() -> None:
    wanted = desired(TIER_0)
    for resource in wanted.values():
        assert all(each in wanted for each in resource.after), resource.id


def test_rules_and_settings_are_read_from_their_files() -> None:
    hba = b"# comment\n\nhostssl  all all\t127.0.0.0/8 scram-sha-256\n"
    assert rules(hba) == ["hostssl all all 127.0.0.0/8 scram-sha-256"]
    automatic = b"# Do not edit\nwork_mem = '8MB'\napplication_name = 'it''s'\n"
    assert settings(automatic) == {"work_mem": "8MB", "application_name": "it's"}
    assert settings(None) == {}


def test_a_path_too_long_for_a_socket_is_refused_beforehand() -> None:
    refuse_long_paths(TIER_0)
    far = replace(SITE, home=PurePosixPath("/srv/" + "h" * 90))
    addresses = {1: far.address(11)}
    with pytest.raises(Refused, match="Linux takes 107"):
        refuse_long_paths(replace(TIER_0, site=far, nodes=nodes(far, "orders", addresses)))


def test_an_installation_survives_json() -> None:
    there = json.loads(json.dumps(INSTALLATION.to_json()))
    assert Installation.from_json(there) == INSTALLATION


def test_only_a_strict_tier_throws_the_data_of_an_old_leader_away() -> None:
    for tier, thrown_away in (("tier-0", True), ("tier-1", False), ("tier-2", False)):
        told = dynamic_configuration(cluster(tier=tier))["postgresql"]
        assert told["remove_data_directory_on_rewind_failure"] is thrown_away
