"""Options that several verbs of the command line take."""

from pathlib import Path
from typing import Annotated

import typer

Storage = Annotated[
    str,
    typer.Option(
        envvar="ENSEARCH_STORAGE", help="Database of studies: an SQLAlchemy URL or a .db file."
    ),
]
DEFAULT_STORAGE = "sqlite:///studies/ensearch.db"
DataDir = Annotated[
    Path, typer.Option(envvar="ENSEARCH_DATA_DIR", help="Where datasets are kept and downloaded.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Trials = Annotated[
    int | None,
    typer.Option(min=1, help="Trials of the study in all, then stop. (default: 40)"),
]
Timeout = Annotated[
    str | None, typer.Option(help="Stop this run after so long: 90s, 30m, 2h. Resumable.")
]
TrainBudget = Annotated[
    str | None,
    typer.Option(help="Stop when the study has spent so many multiply-adds on training: 1e15."),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Members trained at a time. (default: one per CPU core, one per GPU)"),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda. (default: auto)")]
LauncherName = Annotated[str, typer.Option(help="Where members train: processes, inline or ray.")]
RayAddress = Annotated[
    str | None,
    typer.Option(help="Ray cluster: auto or HOST:PORT. (default: RAY_ADDRESS, or one of its own)"),
]
RetrainMissing = Annotated[
    bool, typer.Option("--retrain-missing", help="Train members again whose files are gone.")
]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Take the study from a driver that seems alive.")
]
KeepWeights = Annotated[
    bool, typer.Option("--weights/--no-weights", help="Keep the members' weights on disk.")
]
FlopsPerMac = Annotated[
    int | None,
    typer.Option(help="1: a FLOP is a multiply-add, as in the papers; 2: count two. (default: 1)"),
]
