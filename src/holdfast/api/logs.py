"""One JSON object a line on standard output: what a supervisor's log file and a machine read."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """Time, level, source and message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "source": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info is not None and record.exc_info[1] is not None:
            entry["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(entry, ensure_ascii=False)


def install() -> None:
    """Send every log record there, from `info` on."""
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[output], force=True)
    # What they say at `info` is noise here, and httpx would write down whole URLs.
    for name in ("alembic", "httpx", "httpcore", "uvicorn.access", "dbos"):
        logging.getLogger(name).setLevel(logging.WARNING)
