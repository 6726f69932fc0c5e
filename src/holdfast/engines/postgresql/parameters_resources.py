"""Parameters that follow from the size: memory, disk for WAL, processors."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.engines.postgresql.parameters_model import (
    GIB,
    MIB,
    Case,
    Setting,
    clamp,
    memory,
    rows,
    whole_mib,
)

_RESOURCE = "PostgreSQL documentation, 20.4 Resource Consumption"
_WAL = "PostgreSQL documentation, 20.5 Write Ahead Log"
_REPLICATION = "PostgreSQL documentation, 20.6 Replication"
_PLANNER = "PostgreSQL documentation, 20.7 Query Planning"


def resources(case: Case) -> Iterator[Setting]:
    """Every parameter that is computed from memory, storage, processors or connections."""
    yield from _connections(case)
    yield from _memory(case)
    yield from _wal_space(case)
    yield from _replication_room(case)
    yield from _parallelism(case)


def _connections(case: Case) -> Iterator[Setting]:
    yield from rows(
        "CIS/STIG V-233522; PostgreSQL documentation, 20.3 Connections",
        {
            "max_connections": (
                str(case.size.max_connections),
                (
                    f"size {case.size.name}: each connection is a process; more clients "
                    "share these through the pooler"
                ),
            ),
            "superuser_reserved_connections": (
                "10",
                (
                    "a connection storm must not lock out the cluster manager, the backup and the "
                    "control plane"
                ),
            ),
        },
    )


def _memory(case: Case) -> Iterator[Setting]:
    size = case.size
    buffers = whole_mib(clamp(size.memory_bytes // 4, 32 * MIB, 40 * GIB))
    # Half of what the buffers leave, because one query may hold several of these and the
    # operating system needs the other half for its cache.
    work = clamp((size.memory_bytes - buffers) // (2 * size.max_connections), 4 * MIB, 256 * MIB)
    maintenance = whole_mib(clamp(size.memory_bytes // 16, 32 * MIB, 2 * GIB))
    autovacuum = whole_mib(clamp(maintenance // 2, 16 * MIB, GIB))
    yield from rows(
        _RESOURCE,
        {
            "shared_buffers": (
                memory(buffers),
                "a quarter of the memory: the rest caches files in the operating system",
            ),
            "work_mem": (
                memory(whole_mib(work)),
                f"half of what shared_buffers leaves, over {size.max_connections} connections",
            ),
            "maintenance_work_mem": (
                memory(maintenance),
                "a sixteenth of the memory: index builds and restores are few and large",
            ),
            "autovacuum_work_mem": (
                memory(autovacuum),
                "half of maintenance_work_mem, because several workers hold it at once",
            ),
            "huge_pages": ("try", "used where the host has reserved them, harmless elsewhere"),
            "temp_file_limit": (
                memory(size.storage_bytes // 10),
                "one query that spills may take a tenth of the disk, not all of it",
            ),
        },
    )
    yield Setting(
        "effective_cache_size",
        memory(whole_mib(size.memory_bytes * 3 // 4)),
        "three quarters of the memory: shared_buffers and the operating system's cache",
        _PLANNER,
    )


def _wal_space(case: Case) -> Iterator[Setting]:
    # A fifth of the disk counts as the WAL's volume. Half of that is the most that a slot may
    # hold back, so that a replica which is gone for good can never fill the primary's disk.
    volume = case.size.storage_bytes // 5
    most = whole_mib(clamp(volume // 4, 256 * MIB, 8 * GIB))
    yield from rows(
        _WAL,
        {
            "max_wal_size": (
                memory(most),
                "checkpoints come by time, not by volume; capped, because a crash replays it",
            ),
            "min_wal_size": (
                memory(whole_mib(clamp(most // 4, 80 * MIB, 2 * GIB))),
                "a quarter of max_wal_size stays recycled, so that a burst creates no files",
            ),
        },
    )
    yield from rows(
        _REPLICATION,
        {
            "wal_keep_size": (
                memory(whole_mib(clamp(volume // 16, 128 * MIB, 2 * GIB))),
                "a node that comes back quickly catches up, or is rewound, without the archive",
            ),
            "max_slot_wal_keep_size": (
                memory(whole_mib(volume // 2)),
                "half of the WAL's share of the disk: a dead replica cannot stop the primary",
            ),
        },
    )


def _replication_room(case: Case) -> Iterator[Setting]:
    room = str(max(10, case.tier.nodes.max + 5))
    reason = f"up to {case.tier.nodes.max} nodes of {case.tier.name}, base backups and probes"
    yield from rows(
        _REPLICATION,
        {"max_wal_senders": (room, reason), "max_replication_slots": (room, reason)},
    )


def _parallelism(case: Case) -> Iterator[Setting]:
    cpu = case.size.cpu
    share = str(clamp(cpu // 2, 0, 4))
    yield from rows(
        _RESOURCE,
        {
            "max_worker_processes": (
                str(max(8, 2 * cpu)),
                "room for parallel workers, extensions and logical replication",
            ),
            "max_parallel_workers": (str(cpu), "one for each processor"),
            "max_parallel_workers_per_gather": (
                share,
                "at most half of the processors for one query, so that others still get one",
            ),
            "max_parallel_maintenance_workers": (share, "as for one query"),
            "autovacuum_max_workers": (
                str(clamp(cpu // 2, 3, 6)),
                "enough that one large table does not keep the small ones waiting",
            ),
        },
    )
    if case.version >= 18:
        yield from rows(
            _RESOURCE,
            {
                "io_method": ("worker", "works on every build and kernel; io_uring does not"),
                "io_workers": (str(clamp(cpu // 2, 3, 16)), "reads ahead on half the processors"),
            },
        )
