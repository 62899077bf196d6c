"""Options that several verbs of the command line take, each declared once, with its panel of help.

What is not given is None: the library has the defaults, and the help says them.
"""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_STORAGE = "sqlite:///studies/ensearch.db"

# The panels of help, in the order in which verbs declare their options.
SEARCH = "What to search"
STOPPING = "Budget and stopping"
TRAINING = "Training"
RUNNING = "Where to run"
OUTPUT = "Output"
# Of verbs that train nothing.
READING = "What to compare"
MODELS = "Models and images"

Study = Annotated[str, typer.Argument(help="Name of a study of the storage.")]
StudyIfAny = Annotated[str | None, typer.Argument(help="Name of a study of the storage.")]

# What to search
_DATASETS = "A name from `ensearch datasets`, npz:FILE, folder:PATH of pictures or imagenet:PATH."
DatasetIfAny = Annotated[str | None, typer.Option(help=_DATASETS, rich_help_panel=SEARCH)]
Dataset = Annotated[str, typer.Option(help=_DATASETS, rich_help_panel=MODELS)]
Space = Annotated[
    str | None,
    typer.Option(
        help="From `ensearch spaces`, or FILE.toml. (default: wide_resnet)", rich_help_panel=SEARCH
    ),
]
SamplerName = Annotated[
    str | None,
    typer.Option(help="tpe, random, nsga2, gp or qmc. (default: tpe)", rich_help_panel=SEARCH),
]
Rule = Annotated[
    str | None,
    typer.Option(
        help="Averaging of probabilities: arithmetic or geometric. (default: arithmetic)",
        rich_help_panel=SEARCH,
    ),
]

# Budget and stopping
Trials = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Trials of the study in all, then stop. (default: 20, with two seeds 26, with one 40; "
        "or 4 more than each budget takes to get a single network and an ensemble; or as many as "
        "were asked for the last time, if these are more)",
        rich_help_panel=STOPPING,
    ),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        help="Stop this run after so long: 90s, 30m, 2h. Resumable.", rich_help_panel=STOPPING
    ),
]
TrainBudget = Annotated[
    str | None,
    typer.Option(
        help="Begin no trial once the study has spent so many multiply-adds on training: 1e15. "
        "Trials under way are finished.",
        rich_help_panel=STOPPING,
    ),
]
Settle = Annotated[
    bool,
    typer.Option(
        "--settle",
        help="Then train more members where they decide most, as `ensearch settle` does.",
        rich_help_panel=STOPPING,
    ),
]

# Training
Epochs = Annotated[
    int | None,
    typer.Option(help="Epochs of every member. (default: the dataset's)", rich_help_panel=TRAINING),
]
Optimizer = Annotated[
    str | None,
    typer.Option(
        help="sgd or muon, for every member; its own learning rate comes with it. (default: sgd)",
        rich_help_panel=TRAINING,
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Train every network at least so many times, each time from another seed, also where "
        "it is tried as a single network. More seeds tell the better network from the lucky one. "
        "(default: 3)",
        rich_help_panel=TRAINING,
    ),
]
LimitTrain = Annotated[
    int | None,
    typer.Option(
        help="Train on a stratified subset of so many images; those that are left validate.",
        rich_help_panel=TRAINING,
    ),
]
Val = Annotated[
    int | None,
    typer.Option(
        help="Validate on so many of the training images, which then do not train. (default: a "
        "tenth, or 500 where that is at most a third; with --limit-train all that are left, up to "
        "10,000)",
        rich_help_panel=TRAINING,
    ),
]
RetrainMissing = Annotated[
    bool,
    typer.Option(
        "--retrain-missing",
        help="Train members again whose files are gone.",
        rich_help_panel=TRAINING,
    ),
]

# Where to run
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Members trained at a time. (default: one per CPU core, one per GPU)",
        rich_help_panel=RUNNING,
    ),
]
Device = Annotated[
    str | None, typer.Option(help="auto, cpu or cuda. (default: auto)", rich_help_panel=RUNNING)
]
Launcher = Annotated[
    str | None,
    typer.Option(
        help="Where members train: processes, inline or ray. (default: processes)",
        rich_help_panel=RUNNING,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster: auto or HOST:PORT. (default: RAY_ADDRESS, or one of its own)",
        rich_help_panel=RUNNING,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="ENSEARCH_DATA_DIR",
        help="Where datasets are kept and downloaded. (default: data)",
        rich_help_panel=RUNNING,
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        envvar="ENSEARCH_STORAGE",
        help=f"Database of studies: an SQLAlchemy URL or a .db file. (default: {DEFAULT_STORAGE})",
        rich_help_panel=RUNNING,
    ),
]
TakeOver = Annotated[
    bool,
    typer.Option(
        "--take-over",
        help="Take the study from a driver that seems alive.",
        rich_help_panel=RUNNING,
    ),
]

# Output
Weights = Annotated[
    bool | None,
    typer.Option(
        "--weights/--no-weights",
        help="Keep the members' weights on disk. (default: weights)",
        rich_help_panel=OUTPUT,
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Folder for what is written. (default: beside the storage)",
        rich_help_panel=OUTPUT,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=OUTPUT)
]

FlopsPerMac = Annotated[
    int | None,
    typer.Option(
        help="1: a FLOP is a multiply-add, as in the papers; 2: count two. (default: 1)",
        rich_help_panel=OUTPUT,
    ),
]


# What to compare
def _points(given: str) -> float:
    try:
        return float(given)
    except ValueError:
        says = "must be points of accuracy, above 0 and up to 100"
        raise typer.BadParameter(f"{says}; got {given!r}.") from None


WithinBudget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        help="In the unit of the study's budget, or of --x; of a cascade in FLOPs: 5e9, 5G. "
        "(default: the study's)",
        rich_help_panel=READING,
    ),
]
Margin = Annotated[
    float | None,
    typer.Option(
        parser=_points,
        metavar="<float>",
        help="Points of accuracy that do not matter. (default: 1)",
        rich_help_panel=READING,
    ),
]
Axis = Annotated[
    str,
    typer.Option(
        "--x",
        help="What costs are compared by: flops, or ms@64 for milliseconds an image in batches of "
        "64, as `ensearch latency` measured them (ms@64:onnx by ONNX Runtime).",
        rich_help_panel=READING,
    ),
]
OwnAxis = Annotated[
    str | None,
    typer.Option(
        "--x",
        help="What costs are compared by: flops, params, or ms@64 for milliseconds an image in "
        "batches of 64, as `ensearch latency` measured them (ms@64:onnx by ONNX Runtime). "
        "(default: the unit of the study's budget)",
        rich_help_panel=READING,
    ),
]
Measure = Annotated[
    str,
    typer.Option(
        help="When images leave a cascade, by: max probability, margin or entropy.",
        rich_help_panel=READING,
    ),
]
Test = Annotated[
    bool,
    typer.Option(
        "--test",
        help="Also score on test. This is recorded as a use of it.",
        rich_help_panel=READING,
    ),
]
PoolInstead = Annotated[
    str | None,
    typer.Option(
        "--pool",
        help="Instead of a study: what this query of the pool selects, as `front --pool` has it.",
        rich_help_panel=READING,
    ),
]
