"""The file of runs: a line for each."""

import json
from pathlib import Path

from scripts.benchmarks.recipe.training import Run


def read(path: Path) -> list[Run]:
    """Return the runs of a file, none if it is not there."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def append(path: Path, run: Run) -> None:
    """Add a run to a file, which is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(run) + "\n")
