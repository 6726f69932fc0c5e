"""Numbers for Prometheus, in its text format 0.0.4."""

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from fastapi import APIRouter, Response

import holdfast
from holdfast.api.context import Plane
from holdfast.app import health

router = APIRouter(tags=["metrics"])

_STARTED = time.time()
_STATES = ("queued", "running", "succeeded", "failed", "cancelled")


@router.get("/metrics", response_class=Response)
async def get_metrics(plane: Plane) -> Response:
    """Operations by state, databases by phase, the ledger, what is late, and the process itself."""
    figures = await health.figures(plane)
    text = "\n".join([*_figures(figures), *_process(), ""])
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _figures(figures: health.Figures) -> Iterator[str]:
    yield "# HELP holdfast_build_info The release that runs."
    yield "# TYPE holdfast_build_info gauge"
    yield f'holdfast_build_info{{version="{holdfast.__version__}"}} 1'
    yield "# HELP holdfast_operations Operations that are kept, by state."
    yield "# TYPE holdfast_operations gauge"
    for state in _STATES:
        yield f'holdfast_operations{{state="{state}"}} {figures.operations.get(state, 0)}'
    yield "# HELP holdfast_databases Databases, by phase."
    yield "# TYPE holdfast_databases gauge"
    for phase, count in sorted(figures.databases.items()):
        yield f'holdfast_databases{{phase="{phase}"}} {count}'
    yield "# HELP holdfast_evidence_leaves Leaves of the evidence ledger."
    yield "# TYPE holdfast_evidence_leaves gauge"
    yield f"holdfast_evidence_leaves {figures.leaves}"
    yield "# HELP holdfast_evidence_signed_leaves Those under a signed head; all, within seconds."
    yield "# TYPE holdfast_evidence_signed_leaves gauge"
    yield f"holdfast_evidence_signed_leaves {figures.signed_leaves}"
    yield "# HELP holdfast_schedule_late_seconds How long something scheduled has been due."
    yield "# TYPE holdfast_schedule_late_seconds gauge"
    for (database, task), late_s in sorted(figures.late_s.items()):
        where = f'database="{database}",task="{task}"'
        yield f"holdfast_schedule_late_seconds{{{where}}} {late_s:.0f}"


def _process() -> Iterator[str]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield "# HELP process_cpu_seconds_total User and system CPU time."
    yield "# TYPE process_cpu_seconds_total counter"
    yield f"process_cpu_seconds_total {usage.ru_utime + usage.ru_stime:.2f}"
    yield "# HELP process_resident_memory_bytes Memory in use."
    yield "# TYPE process_resident_memory_bytes gauge"
    yield f"process_resident_memory_bytes {_resident_bytes(usage.ru_maxrss)}"
    yield "# HELP process_start_time_seconds When the process started, since the epoch."
    yield "# TYPE process_start_time_seconds gauge"
    yield f"process_start_time_seconds {_STARTED:.2f}"


def _resident_bytes(peak_kib: int) -> int:
    """Resident memory; its peak where the system does not tell the present value."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return peak_kib * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
