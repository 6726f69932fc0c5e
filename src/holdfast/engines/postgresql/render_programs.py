"""The supervised programs of one node. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.core.layout import PATRONI_PORT, POOL_RO_PORT, POOL_RW_PORT, POSTGRESQL_PORT
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.system.host import Priority, Program, program_name

PARTS = ("patroni", "pooler-rw", "pooler-ro", "agent")
PORTS: Mapping[str, tuple[int, ...]] = {
    "patroni": (POSTGRESQL_PORT, PATRONI_PORT),
    "pooler-rw": (POOL_RW_PORT,),
    "pooler-ro": (POOL_RO_PORT,),
}
"""Where each part listens on its node's address."""


def programs(cluster: Cluster, node: Node) -> dict[str, Program]:
    """The programs of a node by part, in the order in which they are wanted."""
    conf, log = node.paths.conf, node.paths.log
    # Without `site`, so that the distribution's own packages do not mix with the copy's.
    python = (cluster.installation.python, "-S", "-s", "-m")
    libraries, own = cluster.installation.packages, cluster.installation.own_packages
    quiet = {"PYTHONDONTWRITEBYTECODE": "1"}

    def program(
        part: str, argv: tuple[str, ...], priority: Priority, stop_wait_s: int, **more: str
    ) -> Program:
        return Program(
            name=program_name(node.name, part),
            argv=argv,
            user=cluster.site.os_user,
            environment=more,
            folder=str(node.paths.root),
            stop_wait_s=stop_wait_s,
            priority=priority,
            log_file=str(log / f"{part}.log"),
        )

    return {
        "patroni": program(
            "patroni",
            (*python, "patroni", str(conf / "patroni.yml")),
            Priority.PATRONI,
            # A fast shutdown writes a checkpoint; killing it earlier only makes recovery longer.
            cluster.tier.timing.primary_stop_timeout_s + 30,
            PYTHONPATH=libraries,
            **quiet,
        ),
        **{
            f"pooler-{side}": program(
                f"pooler-{side}",
                (cluster.installation.pgbouncer, str(conf / f"pgbouncer-{side}.ini")),
                Priority.POOLER,
                5,
            )
            for side in ("rw", "ro")
        },
        "agent": program(
            "agent",
            (*python, "holdfast.node", str(conf / "node.json")),
            Priority.NODE_AGENT,
            5,
            PYTHONPATH=f"{own}:{libraries}",
            **quiet,
        ),
    }
