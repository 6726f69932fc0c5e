"""`serve`: the control plane in the foreground."""

from __future__ import annotations

import importlib

import click

from holdfast.cli import options
from holdfast.providers.settings import Settings


@click.command(
    epilog="""\b
Examples:
  holdfast serve
  holdfast serve --home /srv/holdfast
"""
)
@options.home
def serve(where: Settings) -> None:
    """Run the control plane in the foreground.

    `holdfast up` starts it supervised; run it yourself under a supervisor of your own. A second
    one on the same control database waits as a standby.
    """
    # By name: the command line and the API are two faces of one platform and know nothing of
    # each other, and no other command should pay for importing a server.
    importlib.import_module("holdfast.api.process").run(where)
