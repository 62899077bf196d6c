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

# Arguments
_STUDIES = "The name of a study, as `ensearch status` lists it."
Study = Annotated[str, typer.Argument(metavar="STUDY", help=_STUDIES)]
StudyIfAny = Annotated[
    str | None,
    typer.Argument(metavar="[STUDY]", help=f"{_STUDIES} (default: all studies)"),
]
StudyOrPool = Annotated[
    str | None,
    typer.Argument(metavar="[STUDY]", help=f"{_STUDIES} Or name --pool instead."),
]

# What to search
_DATASETS = (
    "The images: a name from `ensearch datasets`, folder:PATH (pictures in folders of classes), "
    "npz:FILE (arrays) or imagenet:PATH."
)
DatasetIfAny = Annotated[str | None, typer.Option(help=_DATASETS, rich_help_panel=SEARCH)]
Dataset = Annotated[str, typer.Option(help=_DATASETS, rich_help_panel=MODELS)]
Space = Annotated[
    str | None,
    typer.Option(
        help="The search space: a name from `ensearch spaces`, or FILE.toml. (default: "
        "wide_resnet)",
        rich_help_panel=SEARCH,
    ),
]
SamplerName = Annotated[
    str | None,
    typer.Option(
        help="Optuna's way of choosing trials: tpe, random, nsga2, gp or qmc. (default: tpe)",
        rich_help_panel=SEARCH,
    ),
]
Rule = Annotated[
    str | None,
    typer.Option(
        help="How the probabilities of members are averaged: arithmetic or geometric. (default: "
        "arithmetic)",
        rich_help_panel=SEARCH,
    ),
]

# Budget and stopping
Trials = Annotated[
    int | None,
    typer.Option(
        help="Stop once the study has this many trials in all, earlier runs included. (default: "
        "20; 26 with --seeds 2, 40 with --seeds 1; more where the first single network and "
        "ensemble of every budget take more; never fewer than were asked for before)",
        rich_help_panel=STOPPING,
    ),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        help="Stop this run after this time: 90s, 30m, 2h. It can be resumed.",
        rich_help_panel=STOPPING,
    ),
]
TrainBudget = Annotated[
    str | None,
    typer.Option(
        help="Begin no further trial once the study has spent this many multiply-adds on training: "
        "1e15. Trials that are under way are finished.",
        rich_help_panel=STOPPING,
    ),
]
Settle = Annotated[
    bool,
    typer.Option(
        "--settle",
        help="Afterwards, train more members to decide what is undecided, as `ensearch settle` "
        "does.",
        rich_help_panel=STOPPING,
    ),
]

# Training
Epochs = Annotated[
    int | None,
    typer.Option(
        help="Train every member for this many epochs. (default: the dataset's own number)",
        rich_help_panel=TRAINING,
    ),
]
Optimizer = Annotated[
    str | None,
    typer.Option(
        help="The optimizer of every member: sgd or muon, each with its own learning rate. "
        "(default: that of the dataset, muon for those that are included)",
        rich_help_panel=TRAINING,
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        help="Train every network at least this many times, each time from another seed, also "
        "where it is tried as a single network. With more seeds, luck decides less. (default: 3)",
        rich_help_panel=TRAINING,
    ),
]
LimitTrain = Annotated[
    int | None,
    typer.Option(
        help="Train on this many images, with the same share of every class. The images that are "
        "left over are used for validation, up to 10,000.",
        rich_help_panel=TRAINING,
    ),
]
Val = Annotated[
    int | None,
    typer.Option(
        help="Use this many of the training images for validation instead of training. (default: "
        "a tenth, but at least 500, or a third where that is fewer; with --limit-train all that "
        "are left over, up to 10,000)",
        rich_help_panel=TRAINING,
    ),
]
RetrainMissing = Annotated[
    bool,
    typer.Option(
        "--retrain-missing",
        help="Train those members again whose files are missing or damaged.",
        rich_help_panel=TRAINING,
    ),
]

# Where to run
Workers = Annotated[
    int | None,
    typer.Option(
        help="How many processes train members; on a GPU one process may train several at once. "
        "(default: one per CPU core, or one per GPU)",
        rich_help_panel=RUNNING,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="What computes: cpu, cuda (GPUs), or auto, which takes GPUs if there are any. "
        "(default: auto)",
        rich_help_panel=RUNNING,
    ),
]
Launcher = Annotated[
    str | None,
    typer.Option(
        help="Where members train: in processes of this machine, inline (in this process) or on a "
        "ray cluster. (default: processes)",
        rich_help_panel=RUNNING,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        help="The Ray cluster: auto, or HOST:PORT. (default: that of RAY_ADDRESS, or a new one on "
        "this machine)",
        rich_help_panel=RUNNING,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="ENSEARCH_DATA_DIR",
        help="The folder in which datasets are kept and to which they are downloaded. (default: "
        "data)",
        rich_help_panel=RUNNING,
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        envvar="ENSEARCH_STORAGE",
        help="The database that holds the studies: a .db file, or the URL of a server. (default: "
        f"{DEFAULT_STORAGE})",
        rich_help_panel=RUNNING,
    ),
]
TakeOver = Annotated[
    bool,
    typer.Option(
        "--take-over",
        help="Continue the study although another process seems to be running it. Only do this "
        "when you know that the other process is gone.",
        rich_help_panel=RUNNING,
    ),
]

# Output
Weights = Annotated[
    bool | None,
    typer.Option(
        "--weights/--no-weights",
        help="Keep the weights of trained members, which `ensearch export` needs. (default: "
        "weights)",
        rich_help_panel=OUTPUT,
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="The folder to which files are written. (default: one beside the storage)",
        rich_help_panel=OUTPUT,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=OUTPUT)
]

FlopsPerMac = Annotated[
    int | None,
    typer.Option(
        help="How many FLOPs a multiply-add counts as: 1, as in the papers, or 2. (default: 1)",
        rich_help_panel=OUTPUT,
    ),
]


# What to compare
def _points(given: str) -> float:
    try:
        return float(given)
    except ValueError:
        says = "must be points of accuracy, above 0 and below 100"
        raise typer.BadParameter(f"{says}; got {given!r}.") from None


WithinBudget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        help="The most that a prediction may cost, such as 5e9 or 5G, in the unit of the study's "
        "budget or of --x. (default: the study's budget)",
        rich_help_panel=READING,
    ),
]
Margin = Annotated[
    float | None,
    typer.Option(
        parser=_points,
        metavar="<float>",
        help="A difference of this many points of accuracy does not matter to you. (default: 1)",
        rich_help_panel=READING,
    ),
]
Axis = Annotated[
    str,
    typer.Option(
        "--x",
        help="The unit in which costs are compared: flops, or ms@64 for milliseconds an image in "
        "batches of 64, as `ensearch latency` measured them (ms@64:onnx by ONNX Runtime).",
        rich_help_panel=READING,
    ),
]
OwnAxis = Annotated[
    str | None,
    typer.Option(
        "--x",
        help="The unit in which costs are compared: flops, params, or ms@64 for milliseconds an "
        "image in batches of 64, as `ensearch latency` measured them (ms@64:onnx by ONNX Runtime). "
        "(default: the unit of the study's budget)",
        rich_help_panel=READING,
    ),
]
Measure = Annotated[
    str,
    typer.Option(
        help="How a cascade tells that it is sure enough of an image to stop: by the max "
        "probability, the margin or (of at most 32 classes) the entropy.",
        rich_help_panel=READING,
    ),
]
Test = Annotated[
    bool,
    typer.Option(
        "--test",
        help="Score on the test images too. This is recorded as a use of them.",
        rich_help_panel=READING,
    ),
]
PoolInstead = Annotated[
    str | None,
    typer.Option(
        "--pool",
        help="Take the entries of the pool that this query selects instead of a study; `ensearch "
        "front --help` says what a query is.",
        rich_help_panel=READING,
    ),
]
