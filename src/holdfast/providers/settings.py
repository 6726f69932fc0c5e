"""What the environment may say about a site. Read once, at the edge; a value from then on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_OFF = ("off", "false", "no", "0")


@dataclass(frozen=True, slots=True)
class Settings:
    """What is empty was not set.

    `evidence_url` is where signed tree heads are sent; `schedule` False starts nothing by itself.
    """

    home: Path
    database_url: str = ""
    postgresql_folders: tuple[str, ...] = ()
    evidence_url: str = ""
    schedule: bool = True

    def exported(self) -> dict[str, str]:
        """The settings as environment variables, for a process that reads them again."""
        values = {
            "HOLDFAST_HOME": str(self.home),
            "HOLDFAST_DATABASE_URL": self.database_url,
            "HOLDFAST_PG_BINDIRS": os.pathsep.join(self.postgresql_folders),
            "HOLDFAST_EVIDENCE_URL": self.evidence_url,
            "HOLDFAST_SCHEDULE": "" if self.schedule else "off",
        }
        return {name: value for name, value in values.items() if value}


def settings(environment: Mapping[str, str], *, as_root: bool) -> Settings:
    """Settings from the environment: docs/reference/configuration.md lists them.

    The home's default is `/var/lib/holdfast` for root, else `holdfast` in the user's data folder.
    """
    folders = environment.get("HOLDFAST_PG_BINDIRS", "")
    return Settings(
        home=_home(environment, as_root=as_root),
        database_url=environment.get("HOLDFAST_DATABASE_URL", ""),
        postgresql_folders=tuple(part for part in folders.split(os.pathsep) if part),
        evidence_url=environment.get("HOLDFAST_EVIDENCE_URL", ""),
        schedule=environment.get("HOLDFAST_SCHEDULE", "").lower() not in _OFF,
    )


def _home(environment: Mapping[str, str], *, as_root: bool) -> Path:
    if environment.get("HOLDFAST_HOME"):
        return Path(environment["HOLDFAST_HOME"]).expanduser().absolute()
    if as_root:
        return Path("/var/lib/holdfast")
    data = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return Path(data) / "holdfast"
