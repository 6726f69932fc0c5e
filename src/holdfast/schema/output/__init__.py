"""A checked set of migrations in the words of each reader: one module a format.

A module has `render(checked, effects=False)`. Its file name is the format's name.
"""

from __future__ import annotations

import importlib

from holdfast.schema.checked import Checked

FORMATS = ("text", "json", "sarif", "github", "gitlab", "markdown", "junit")


def rendered(checked: Checked, how: str, *, effects: bool = False) -> str:
    """The result in one of the formats; `effects` adds what each statement does."""
    module = importlib.import_module(f"{__name__}.{how}")
    text: str = module.render(checked, effects=effects)
    return text
