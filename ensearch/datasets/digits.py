"""1,797 handwritten digits of 8 x 8 grey pixels, shipped with scikit-learn: nothing to download."""

from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensearch.core import Schedule
from ensearch.datasets._dataset import Raw
from ensearch.datasets._split import stratified
from ensearch.seeds import derive

SUMMARY = "1,797 handwritten digits, 8 x 8, grey; comes with scikit-learn, for a first try"
ARGUMENT = ""
SCHEDULE = Schedule(epochs=12, optimizer="muon", batch_size=64, crop=1)

TEST_SHARE = 0.2


def load(argument: str, data_dir: Path) -> Raw:
    """Grey levels 0..16 become 0..240. The test split is ours: scikit-learn has none."""
    table = _table()
    images = (table[:, :-1] * 15).astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = table[:, -1].astype(np.int64)
    # One test split for all studies: its seed is fixed here and depends on no seed of a study.
    test = stratified(labels, round(TEST_SHARE * len(labels)), derive("digits", "test"))
    train = np.setdiff1d(np.arange(len(labels)), test)
    return Raw(
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
        classes=tuple(str(digit) for digit in range(10)),
    )


def _table() -> npt.NDArray[np.float64]:
    """1,797 rows of 64 grey levels from 0 to 16 and the digit.

    From scikit-learn's own file: importing scikit-learn, in the driver and in every worker, was a
    quarter of the time to the first training, 2.6 of 10 s.
    """
    file = Path(
        str(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz"))
    )
    if file.is_file():
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits  # a scikit-learn that keeps it elsewhere

    digits = load_digits()
    return np.column_stack([digits.data, digits.target])
