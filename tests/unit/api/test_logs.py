"""Log lines for machines, and which logs of a node are the newest."""

from __future__ import annotations

import json
import logging
import sys

from holdfast.api.logs import JsonLines
from holdfast.app.logs import newest


def test_a_record_is_one_json_line() -> None:
    try:
        raise ValueError("line\nbreak")
    except ValueError:
        record = logging.LogRecord("a.b", 30, __file__, 1, "x %s\ny", (1,), sys.exc_info())
    line = JsonLines().format(record)
    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["level"], entry["source"], entry["message"]) == ("warning", "a.b", "x 1\ny")
    assert "ValueError: line" in entry["traceback"]
    assert entry["at"].endswith("+00:00")


def test_the_newest_log_of_each_program() -> None:
    files = ["agent.log", "postgresql-Fri.log", "pooler-rw.log.1", "postgresql-Thu.log", "notes"]
    assert newest(files) == {
        "agent": "agent.log",
        "postgresql": "postgresql-Fri.log",
        "pooler-rw": "pooler-rw.log.1",
    }
