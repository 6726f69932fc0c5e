from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from holdfast.engines.postgresql.cluster import Cluster
from holdfast.engines.postgresql.render_backup import (
    cluster_backup_file,
    node_backup_file,
    processes,
    repositories,
)
from holdfast.engines.postgresql.render_stage import (
    restore_command,
    role_names,
    stage_backup_file,
    stage_of,
    stage_rules,
    stage_settings,
    start_options,
)
from holdfast.engines.postgresql.stage import achieved
from holdfast.recovery.target import Target
from holdfast.spec.model.tier import SecondRepository
from tests.unit.engines.postgresql.clusters import cluster


def named(name: str) -> Cluster:
    made = cluster()
    resolved = replace(made.resolved, spec=replace(made.resolved.spec, name=name))
    return replace(made, resolved=resolved)


def twice(second: SecondRepository) -> Cluster:
    made = cluster()
    backup = replace(made.tier.backup, second=second)
    tier = replace(made.tier, backup=backup)
    return replace(made, resolved=replace(made.resolved, tier=tier))


S3 = SecondRepository(
    "s3", "/holdfast", "bucket", "s3.example.org", 443, "eu-central-1", "offsite", "/etc/ca.crt"
)


def sections(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    here: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("["):
            here = found.setdefault(line[1:-1], {})
        elif line:
            key, _, value = line.partition("=")
            here[key] = value
    return found


@pytest.mark.parametrize("source", [cluster(), twice(S3)], ids=["one", "two"])
def test_a_stage_can_write_to_no_repository(source: Cluster):
    found = sections(stage_backup_file(source, stage_of(named("copy"), source)))
    for command in ("archive-push", "backup", "expire", "stanza-create", "stanza-upgrade"):
        barred = found[f"global:{command}"]
        assert set(barred) == {f"repo{number}-path" for number in repositories(source)}
        assert all(path.startswith("/proc/") for path in barred.values())
    assert found["global"]["repo1-path"].endswith(f"/backups/{source.name}")


def test_a_stage_is_confined_unless_its_repository_is_on_the_network():
    posix = twice(SecondRepository("posix", "/mnt/backups"))
    assert stage_of(cluster(), cluster()).python
    assert stage_of(cluster(), posix).python
    assert not stage_of(cluster(), twice(S3)).python


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target("latest"), ["--type=default"]),
        (
            Target("time", "2026-11-20T12:00:00+00:00"),
            ["--type=time", "--target=2026-11-20 12:00:00.000000+00", "--target-action=promote"],
        ),
        (Target("lsn", "0/3000028"), ["--type=lsn", "--target=0/3000028"]),
        (Target("name", "before it"), ["--type=name", "--target=before it"]),
        (Target("xid", "741"), ["--type=xid", "--target=741"]),
    ],
)
def test_a_restore_says_its_target_and_never_archives(target: Target, words: list[str]):
    source = cluster()
    box = stage_of(source, source)
    argv = restore_command(box, target, label="L", repository=2, timeline=3, delta=False)
    assert set(words) <= set(argv)
    assert {"--set=L", "--repo=2", "--target-timeline=3", "--archive-mode=off"} <= set(argv)
    assert "--delta" not in argv


def test_only_what_belongs_into_the_own_archive_is_marked_for_it():
    source = cluster()
    beside = stage_settings(stage_of(named("copy"), source), named("copy"))
    in_place = stage_settings(stage_of(source, source), source)
    assert (beside["archive_mode"], in_place["archive_mode"]) == ("off", "on")
    for chosen in (beside, in_place):
        assert chosen["archive_command"] == ""
        assert chosen["listen_addresses"] == ""
        assert (chosen["fsync"], chosen["full_page_writes"]) == ("on", "on")
        assert chosen["wal_level"] != "minimal"


def test_the_options_hold_for_the_shell_that_reads_them():
    source = cluster()
    words = shlex.split(start_options(stage_of(source, source), source))
    assert words[::2] == ["-c"] * (len(words) // 2)


def test_every_role_of_the_platform_is_renamed():
    found = role_names("orders", "copy")
    assert found["orders_owner"] == "copy_owner"
    assert found["orders_app_b"] == "copy_app_b"
    assert len(found) == 8
    assert all(new == old.replace("orders", "copy") for old, new in found.items())


def test_nobody_but_the_platform_gets_into_a_stage():
    rules = stage_rules(stage_of(cluster(), cluster()), cluster(), "root")
    (hba,) = [text for path, text in rules.items() if path.endswith("pg_hba.conf")]
    assert hba.count("\n") == 1
    assert hba.startswith("local all postgres,")
    assert "peer" in hba


LOG = """\
2026-11-20 10:56:01.1 UTC [1] LOG:  restored log file "000000010000000000000004" from archive
2026-11-20 10:56:01.2 UTC [1] LOG:  restored log file "000000010000000000000005" from archive
2026-11-20 10:56:01.3 UTC [1] LOG:  recovery stopping before commit of transaction 772, time 2026-11-20 10:56:06.378757+00
2026-11-20 10:56:01.3 UTC [1] LOG:  redo done at 0/501E200 system usage: CPU
2026-11-20 10:56:01.3 UTC [1] LOG:  last completed transaction was at log time 2026-11-20 10:56:04.6137+00
2026-11-20 10:56:01.4 UTC [1] LOG:  selected new timeline ID: 2
"""  # noqa: E501


def test_the_achieved_point_is_read_from_the_log():
    found = achieved(LOG)
    assert found.stopped.startswith("before commit of transaction 772")
    assert (found.lsn, found.timeline, found.segments) == ("0/501E200", 2, 2)
    assert found.last_commit == "2026-11-20 10:56:04.6137+00"
    assert achieved("").stopped == "at the end of the archive"


# -- repositories ----------------------------------------------------------------------------


def test_expiry_is_never_pgbackrest_s_own():
    found = sections(cluster_backup_file(cluster()))["global"]
    assert found["expire-auto"] == "n"
    assert found["repo1-retention-full"] == "9999999"


def test_a_second_repository_stands_in_every_configuration():
    made = twice(SecondRepository("posix", "/mnt/backups/"))
    for text in (cluster_backup_file(made), node_backup_file(made, made.nodes[0])):
        assert sections(text)["global"]["repo2-path"] == f"/mnt/backups/{made.name}"
    assert repositories(made) == (1, 2)
    assert repositories(cluster()) == (1,)
    assert "repo2" not in cluster_backup_file(cluster())


def test_an_object_store_s_key_is_a_secret_that_was_given():
    found = sections(cluster_backup_file(twice(S3)))["global"]
    assert found["repo2-s3-key"] == "${secret:given/offsite-key}"
    assert found["repo2-s3-key-secret"] == "${secret:given/offsite-secret}"
    assert found["repo2-cipher-type"] == "aes-256-cbc"
    assert found["repo2-storage-ca-file"] == "/etc/ca.crt"


def test_larger_sizes_use_more_processes_up_to_eight():
    sizes = [replace(cluster().size, cpu=cpu) for cpu in (1, 2, 4, 16)]
    found = [
        processes(replace(cluster(), resolved=replace(cluster().resolved, size=size)))
        for size in sizes
    ]
    assert found == [2, 2, 4, 8]
