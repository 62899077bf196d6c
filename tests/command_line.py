"""The command line, called in this process, and a small study for it."""

import json
from typing import Any

from typer.testing import CliRunner, Result

from ensearch.cli import app

TINY = """
family = "wide_resnet"
members = [1, 2]
depth = [10]
width = { low = 0.25, high = 0.5, step = 0.125 }
"""


def ensearch(line: str) -> Result:
    """The result of the command `ensearch LINE`: exit code, stdout and stderr."""
    return CliRunner().invoke(app.app, line.split())


def quick(more: str = "") -> Result:
    """The result of running the study `digits-tiny-400k`, which takes about a second."""
    return ensearch(
        "run --budget 4e5 --dataset digits --space tiny.toml --limit-train 60 --epochs 1 "
        f"--launcher inline --trials 3 {more}"
    )


VERBS = (
    "run",
    "resume",
    "settle",
    "status",
    "report",
    "best",
    "compare",
    "confirm",
    "export",
    "predict",
    "front",
    "dashboard",
    "cost",
    "latency",
    "spaces",
    "datasets",
)

DB = "studies/ensearch.db"


def listed() -> list[dict[str, Any]]:
    """The entries of the pool as `ensearch pool list --json` prints them."""
    found: list[dict[str, Any]] = json.loads(ensearch("pool list --json").stdout)
    return found
