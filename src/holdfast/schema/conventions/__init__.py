"""How each migration tool names, orders and runs its files: one module a tool.

A module has `TITLE`, `RANK` (the lowest that claims a folder gets it), `claims(folder)`,
`root(folder)` where its history is wider than one folder, and `read(group)`, which makes the
migrations. Its file name is its id. Adding a tool is adding a file: this walk finds it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from holdfast.schema.migration import Migration
from holdfast.schema.reading.files import Folder, Group


class _Module(Protocol):
    TITLE: str
    RANK: int

    def claims(self, folder: Folder) -> bool: ...

    def read(self, group: Group) -> list[Migration]: ...


@dataclass(frozen=True, slots=True)
class Convention:
    """A tool: its id, its name for people, and what it does with folders and files."""

    id: str
    module: _Module

    @property
    def title(self) -> str:
        """The tool's name as its makers write it."""
        return self.module.TITLE

    def claims(self, folder: Folder) -> bool:
        """Whether the files of this folder are this tool's."""
        return self.module.claims(folder)

    def root(self, folder: Folder) -> str:
        """The folder that holds the whole history that this one is a part of."""
        root = getattr(self.module, "root", None)
        return folder.path if root is None else cast(str, root(folder))

    def read(self, group: Group) -> list[Migration]:
        """The migrations of a history, in the order in which the tool runs them."""
        return self.module.read(group)


@cache
def conventions() -> Mapping[str, Convention]:
    """Every tool by its id, in the order in which they are asked whose a folder is."""
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    every = [
        Convention(name.replace("_", "-"), cast(_Module, module))
        for name, module in modules.items()
    ]
    return {one.id: one for one in sorted(every, key=lambda one: (one.module.RANK, one.id))}
