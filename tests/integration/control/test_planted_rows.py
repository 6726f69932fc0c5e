"""Whoever can write the control database cannot choose code that the control plane runs."""

from __future__ import annotations

import base64
import os
import pickle
import signal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

# The library is not what is tested: the tests hold what `workflows/runtime.py` made of it.
from dbos._serialization import (
    DBOSPortableJSON,
    deserialize_args,
    deserialize_exception,
    deserialize_value,
    safe_deserialize,
)

import holdfast.workflows.runtime  # noqa: F401 - importing it is what closes the door
from tests.integration.control.plane import Plane

pytestmark = pytest.mark.timeout(120)


class Payload:
    """Unpickling it makes a file, as an attacker's would run a shell."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.trace),)


def _pickled(trace: Path) -> str:
    return base64.b64encode(pickle.dumps(Payload(trace))).decode()


@pytest.mark.parametrize("read", [deserialize_value, deserialize_args, deserialize_exception])
def test_no_reader_of_a_column_reads_a_pickle(tmp_path: Path, read) -> None:
    with pytest.raises(ValueError, match="a pickled value is not read"):
        read(_pickled(tmp_path / "trace"), "py_pickle", DBOSPortableJSON)
    assert not (tmp_path / "trace").exists()


def test_a_look_at_a_workflow_reads_no_pickle(tmp_path: Path) -> None:
    evil = _pickled(tmp_path / "trace")
    found = safe_deserialize(
        DBOSPortableJSON,
        "py_pickle",
        "one",
        serialized_input=evil,
        serialized_output=evil,
        serialized_exception=evil,
    )
    assert found == (evil, evil, evil)
    assert not (tmp_path / "trace").exists()


def test_planted_rows_run_nothing_at_the_next_start(plane: Plane, tmp_path: Path) -> None:
    """Every place of the library's tables at once, while an operation is under way."""
    trace = tmp_path / "trace"
    (plane.folder / "kill-before-step-3").touch()
    process = plane.start()
    running = plane.submit("six", database="orders")
    assert process.wait(timeout=40) == -signal.SIGKILL, plane.log
    planted = _plant(plane.url, running, _pickled(trace))
    plane.start()
    operation = plane.finished(running)
    assert operation["state"] == "failed", operation
    # The planted workflow was looked at as well before the next operation ran to its end.
    assert plane.finished(plane.submit("six", database="bills"))["state"] == "succeeded"
    assert not trace.exists(), plane.log
    with psycopg.connect(plane.url) as connection:
        query = "SELECT status FROM dbos.workflow_status WHERE workflow_uuid = %s"
        assert connection.execute(query, (planted,)).fetchone() == ("ERROR",)


def _plant(url: str, running: str, evil: str) -> str:
    """Rows as an intruder would write them. Gives the id of a new workflow among them."""
    planted = str(uuid4())
    with psycopg.connect(url, autocommit=True) as connection:
        columns = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'dbos'"
            " AND table_name = 'workflow_status' AND column_name <> ALL (%s)",
            (["workflow_uuid", "inputs", "output", "error", "serialization"],),
        ).fetchall()
        others = ", ".join(f'"{name}"' for (name,) in columns)
        connection.execute(
            f"INSERT INTO dbos.workflow_status"
            f" (workflow_uuid, inputs, output, error, serialization, {others})"
            f" SELECT %s, %s, %s, %s, 'py_pickle', {others}"
            " FROM dbos.workflow_status WHERE workflow_uuid = %s",
            (planted, evil, evil, evil, running),
        )
        connection.execute(
            "INSERT INTO dbos.workflow_input SELECT %s, %s, retention_timestamp"
            " FROM dbos.workflow_input ON CONFLICT DO NOTHING",
            (planted, evil),
        )
        changed = connection.execute(
            "UPDATE dbos.operation_outputs SET output = %s, serialization = 'py_pickle'"
            " WHERE workflow_uuid = %s",
            (evil, running),
        )
        assert changed.rowcount > 0
        for table, key in (("workflow_events", "value"), ("notifications", "message")):
            names = {"workflow_events": "workflow_uuid", "notifications": "destination_uuid"}
            topic = ", key" if table == "workflow_events" else ", topic"
            connection.execute(
                f"INSERT INTO dbos.{table} ({names[table]}{topic}, {key}, serialization)"
                " VALUES (%s, 'x', %s, 'py_pickle')",
                (running, evil),
            )
    return planted
