"""Raw runs on disk: one JSON file a benchmark."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.figures import FIGURES


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that was measured in one go. `took_s` is how long that took."""

    name: str
    command: str
    measured_at: str
    took_s: float
    machine: dict[str, str]
    versions: dict[str, str]
    runs: list[dict[str, Any]]


def load(folder: Path) -> dict[str, Result]:
    """The results that are there, in the order of the page."""
    files = {name: folder / f"{name}.json" for name in FIGURES}
    return {
        name: Result(**json.loads(file.read_text()))
        for name, file in files.items()
        if file.exists()
    }


def save(folder: Path, result: Result) -> None:
    """Replace the benchmark's result; a run of a benchmark stands on one line."""
    document = asdict(result)
    runs = document.pop("runs")
    head = json.dumps(document, indent=1, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n  ".join(json.dumps(run, ensure_ascii=False) for run in runs)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{result.name}.json").write_text(f'{head},\n "runs": [\n  {lines}\n ]\n}}\n')
