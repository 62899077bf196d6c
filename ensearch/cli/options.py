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
Flops = Annotated[
    str | None,
    typer.Option(help="FLOPs (multiply-adds) per example of the whole ensemble: 5e9, 5G."),
]
Params = Annotated[
    str | None,
    typer.Option(
        help="Parameters of the whole ensemble: 1e6, 1M. Alone, costs are compared in parameters; "
        "beside another budget nothing has more.",
    ),
]
Milliseconds = Annotated[
    str | None,
    typer.Option(
        help="Milliseconds an image of the whole ensemble, and the images at a time: 2@64, or "
        "2@64:onnx by ONNX Runtime. Networks are timed here first, and costs are compared in "
        "milliseconds; beside --budget nothing takes longer.",
    ),
]
DatasetSpec = Annotated[
    str | None,
    typer.Option(
        help="A name from `ensearch datasets`, npz:FILE, folder:PATH of pictures or imagenet:PATH."
    ),
]
SpaceName = Annotated[
    str | None, typer.Option(help="From `ensearch spaces`, or FILE.toml. (default: wide_resnet)")
]
Epochs = Annotated[
    int | None, typer.Option(help="Epochs of every member. (default: the dataset's)")
]
Optimizer = Annotated[
    str | None,
    typer.Option(
        help="sgd or muon, for every member; its own learning rate comes with it. (default: sgd)"
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Train every network at least so many times, each time from another seed, also where "
        "it is tried as a single network. More seeds tell the better network from the lucky one. "
        "(default: 3)",
    ),
]
LimitTrain = Annotated[
    int | None,
    typer.Option(
        help="Train on a stratified subset of so many images; those that are left validate."
    ),
]
Val = Annotated[
    int | None,
    typer.Option(
        help="Validate on so many of the training images, which then do not train. (default: a "
        "tenth, or 500 where that is at most a third; with --limit-train all that are left, up to "
        "10,000)"
    ),
]
SamplerName = Annotated[
    str | None, typer.Option(help="tpe, random, nsga2, gp or qmc. (default: tpe)")
]
Rule = Annotated[
    str | None,
    typer.Option(help="Averaging of probabilities: arithmetic or geometric. (default: arithmetic)"),
]
# Those of `run` may stand in a file instead, so that they have no value where none is given.
RunStorage = Annotated[
    str | None,
    typer.Option(
        envvar="ENSEARCH_STORAGE",
        help=f"SQLAlchemy URL or .db file. (default: {DEFAULT_STORAGE})",
    ),
]
RunDataDir = Annotated[
    Path | None,
    typer.Option(envvar="ENSEARCH_DATA_DIR", help="Where datasets are. (default: data)"),
]
RunLauncher = Annotated[
    str | None,
    typer.Option(help="Where members train: processes, inline or ray. (default: processes)"),
]
RunWeights = Annotated[
    bool | None,
    typer.Option(
        "--weights/--no-weights", help="Keep the members' weights on disk. (default: weights)"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Trials = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Trials of the study in all, then stop. (default: 20, with two seeds 26, with one 40; "
        "or 4 more than each budget takes to get a single network and an ensemble)",
    ),
]
ResumeTrials = Annotated[
    int | None,
    typer.Option(
        min=1, help="Trials of the study in all. (default: as many as were asked for the last time)"
    ),
]
Timeout = Annotated[
    str | None, typer.Option(help="Stop this run after so long: 90s, 30m, 2h. Resumable.")
]
TrainBudget = Annotated[
    str | None,
    typer.Option(
        help="Begin no trial once the study has spent so many multiply-adds on training: 1e15. "
        "Trials under way are finished."
    ),
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
USUAL_MARGIN = 1.0


def _points(given: str) -> float:
    try:
        return float(given)
    except ValueError:
        says = "must be points of accuracy, above 0 and up to 100"
        raise typer.BadParameter(f"{says}; got {given!r}.") from None


Margin = Annotated[
    float | None,
    typer.Option(
        parser=_points,
        metavar="<float>",
        help="Points of accuracy that do not matter. (default: 1)",
    ),
]
Axis = Annotated[
    str,
    typer.Option(
        "--x",
        help="What costs are compared by: flops, or ms@64 for milliseconds an image in batches of "
        "64, as `ensearch latency` measured them (ms@64:onnx by ONNX Runtime).",
    ),
]
OwnAxis = Annotated[
    str | None,
    typer.Option(
        "--x",
        help="What costs are compared by: flops, params, or ms@64 for milliseconds an image in "
        "batches of 64, as `ensearch latency` measured them (ms@64:onnx by ONNX Runtime). "
        "(default: the unit of the study's budget)",
    ),
]
FlopsPerMac = Annotated[
    int | None,
    typer.Option(help="1: a FLOP is a multiply-add, as in the papers; 2: count two. (default: 1)"),
]
