"""`schema`, `version`, `completion`: what can be said without any platform."""

from __future__ import annotations

import json

import click

from holdfast import __version__

_RC_FILES = {
    "bash": "~/.bashrc",
    "zsh": "~/.zshrc",
    "fish": "~/.config/fish/completions/holdfast.fish",
}


@click.command(
    epilog="""\b
Examples:
  holdfast schema > holdfast.schema.json
"""
)
def schema() -> None:
    """Print the JSON Schema of documents.

    An editor that knows it completes and checks documents while they are written.
    """
    from holdfast.spec.schema import schema as documents_schema

    click.echo(json.dumps(documents_schema(), indent=2, ensure_ascii=False))


@click.command(
    epilog="""\b
Examples:
  holdfast version
"""
)
def version() -> None:
    """Print the version."""
    click.echo(__version__)


@click.command(
    epilog="""\b
Examples:
  eval "$(holdfast completion bash)"
  holdfast completion zsh >> ~/.zshrc
  holdfast completion fish > ~/.config/fish/completions/holdfast.fish
"""
)
@click.argument("shell", type=click.Choice(list(_RC_FILES)))
def completion(shell: str) -> None:
    """Print a script for your shell.

    It makes the shell complete commands and options; put it where the shell starts from.
    """
    if shell == "fish":
        click.echo("_HOLDFAST_COMPLETE=fish_source holdfast | source")
    else:
        click.echo(f'eval "$(_HOLDFAST_COMPLETE={shell}_source holdfast)"')
