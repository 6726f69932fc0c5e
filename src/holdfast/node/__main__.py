"""`python -s -m holdfast.node CONFIG.json`: the node agent."""

from __future__ import annotations

import logging
import signal
import sys

from holdfast.core.errors import Error
from holdfast.node.agent import run

_USAGE = 2


def main(arguments: list[str]) -> int:
    """Run until told to stop; the poolers stay as they are."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m holdfast.node CONFIG.json\n")
        return _USAGE
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stdout
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Nothing has to be put away: what the poolers should do stands in their own state.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        run(arguments[0])
    except Error as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
