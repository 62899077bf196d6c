"""Whether an exported folder predicts what is stored, in a process that cannot import ensearch."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensearch.core import Floats, Labels
from ensearch.errors import EnsearchError, StorageError
from ensearch.exports.winner import Winner

# Logits are stored in float16: up to 32 that moves a probability by no more than this.
TOLERANCE = 0.005
# Multiply-adds that are spent on it, about two minutes of a core; at least the sample is predicted.
MOST = 2e12
BATCH = 64
COST = 0.01  # how far the mean cost of a cascade may be from the stored one
# How many times as far as a probability a confidence moves.
DOUBTFUL = {"max": 1.0, "margin": 2.0, "entropy": 4.0}

_PROGRAM = """
import sys
sys.modules["ensearch"] = None  # importing it fails from here on
sys.path.insert(0, ".")
import numpy as np
import predict

file, runtimes, sizes = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
with np.load(file) as arrays:
    images, sample = arrays["images"], arrays["sample"]
def run(predictor, images):
    steps = range(0, len(images), {batch})
    return np.concatenate([predictor(images[i : i + {batch}]) for i in steps])
here = predict.Path(".")
found = {{name: run(predict.predictor(here, name), images) for name in runtimes}}
for k in range(1, sizes):
    found[f"first {{k}}"] = run(predict.predictor(here, "torch", k), sample)
if {cascade}:
    import torch
    import model
    pixels = torch.from_numpy(images)
    found["stages"] = torch.cat([model.load().staged(part)[1] for part in pixels.split({batch})])
np.savez(file, **found)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How far an exported folder is from what is stored, on so many `images` of val.

    `differences` are the largest ones of a probability, by what ran: "torch" or "onnx". `accuracy`
    is the exported model's there, `stored_accuracy` that of the stored predictions. `whole` tells
    whether these are all images of val.
    """

    images: int
    whole: bool
    differences: dict[str, float]
    accuracy: float
    stored_accuracy: float
    macs: float  # the mean for an image, which of a cascade is measured

    @property
    def largest_difference(self) -> float:
        return max(self.differences.values())


def verify(folder: Path, winner: Winner, *, onnx: bool) -> Verified:
    """Run the folder's own predict.py and compare.

    Raises StorageError where it differs, EnsearchError where predict.py fails. All images of val
    are predicted if they are there, or as many of them as 2e12 multiply-adds allow; else those of
    the sample.
    """
    images, places = _images(winner)
    runtimes = ["torch", *(["onnx"] if onnx else [])]
    found = _run(folder, winner, images, runtimes)
    differences = {}
    # The first members first: where they differ, it is known which one it is.
    for count in range(1, len(winner.members)):
        where = winner.sample.places
        _compare(found[f"first {count}"], winner, count, where, f"the first {count} members")
    for runtime in runtimes:
        differences[runtime] = _compare(
            found[runtime], winner, len(winner.members), places, f"all members by {runtime}"
        )
    labels = winner.labels.values[places]
    stored, macs = winner.predicted[places], winner.macs
    if winner.cascade is not None:
        macs = _cost(winner, found["stages"].astype(np.int64), places)
    return Verified(
        images=len(places),
        whole=len(places) == len(winner.labels.values),
        differences=differences,
        accuracy=float(np.mean(found[runtimes[-1]].argmax(axis=1) == labels)),
        stored_accuracy=float(np.mean(stored.argmax(axis=1) == labels)),
        macs=macs,
    )


def _cost(winner: Winner, stages: Labels, places: Labels) -> float:
    """The mean multiply-adds of a cascade. StorageError if they are not those of the storage."""
    assert winner.exits is not None
    paid = np.cumsum([record.cost.macs for record in winner.members])
    measured, stored = (float(paid[of - 1].mean()) for of in (stages, winner.exits.stages[places]))
    wanted = winner.macs if len(places) == len(winner.labels.values) else stored
    if abs(measured - wanted) > COST * wanted:
        raise StorageError(
            f"the exported cascade {winner.title} costs {measured:,.0f} multiply-adds an image on "
            f"{len(places)} images of val, and {wanted:,.0f} by the stored predictions. Nothing "
            "was written.",
        )
    return measured


def _expected(found: Floats, winner: Winner, count: int, places: Labels) -> Floats:
    """The stored N x C probabilities that found ones are held against.

    Where rounding decides whether an image leaves a cascade, the nearest of all that may be.
    """
    if winner.exits is None or count < len(winner.members):
        return winner.stored[count - 1][places]
    exits, means = winner.exits, np.stack(winner.stored)[:, places]
    allowed = np.maximum(TOLERANCE, winner.rounding[places])
    nearest = np.abs(means - found).max(axis=2).argmin(axis=0)
    doubtful = exits.margins[places] <= DOUBTFUL[winner.measure] * allowed
    chosen = np.where(doubtful, nearest, exits.stages[places] - 1)
    return np.asarray(means[chosen, np.arange(len(places))])


def _images(winner: Winner) -> tuple[npt.NDArray[np.uint8], Labels]:
    """Images to predict, and which rows of val they are."""
    count = len(winner.labels.values)
    if winner.dataset is None:
        return winner.sample.images, winner.sample.places
    most = int(min(count, max(len(winner.sample.places), MOST // winner.whole.macs)))
    places = np.linspace(0, count - 1, most).astype(np.int64)
    return np.asarray(winner.dataset.x_val[places]), places


def _run(
    folder: Path, winner: Winner, images: npt.NDArray[np.uint8], runtimes: Sequence[str]
) -> dict[str, Floats]:
    """Probabilities by what ran, from a process of its own."""
    with tempfile.TemporaryDirectory() as other:
        file = Path(other) / "arrays.npz"
        np.savez(file, images=images, sample=winner.sample.images)
        ran = subprocess.run(
            [
                sys.executable,
                "-B",  # leaves no compiled files in the folder
                "-c",
                _PROGRAM.format(batch=BATCH, cascade=winner.cascade is not None),
                str(file),
                ",".join(runtimes),
                str(len(winner.members)),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
            check=False,
        )
        if ran.returncode:
            last = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
            raise EnsearchError(
                f"the exported model does not run by itself: {last}. Nothing was written."
            )
        with np.load(file) as arrays:
            return {name: np.asarray(arrays[name], np.float64) for name in arrays.files}


def _compare(found: Floats, winner: Winner, count: int, places: Labels, what: str) -> float:
    """The largest difference of a probability; StorageError if one is too large.

    Where every probability is within the tolerance, the class is the same unless the two best are
    nearer to each other than twice that.
    """
    stored = _expected(found, winner, count, places)
    apart = np.abs(found - stored)
    allowed = np.maximum(TOLERANCE, winner.rounding[places])
    beyond = ~(apart.max(axis=1) <= allowed)  # also where it is not a number
    if not beyond.any():
        return float(apart.max())
    worst = int(np.argmax(np.nan_to_num(apart.max(axis=1), nan=np.inf)))
    label = int(np.argmax(np.nan_to_num(apart[worst], nan=np.inf)))
    member = winner.members[count - 1].member
    raise StorageError(
        f"the exported model differs from the stored predictions: {what} of {winner.title} on "
        f"{beyond.sum()} of {len(places)} images of val by more than {TOLERANCE}, most on image "
        f"{places[worst]}, where class {winner.classes[label]!r} has {found[worst, label]:.4f} and "
        f"{stored[worst, label]:.4f} is stored. The last of these members is {member.key}: are its "
        "weights damaged, or is its family, or a package, of another version than then? Nothing "
        "was written.",
        problem="export_differs",
        member=member.key,
        study=winner.study,
    )
