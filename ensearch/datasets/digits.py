"""1797 handwritten digits of 8 x 8 grey pixels, shipped with scikit-learn: nothing to download."""

from pathlib import Path

import numpy as np

from ensearch.core import Schedule
from ensearch.datasets._dataset import Raw
from ensearch.datasets._split import stratified
from ensearch.seeds import derive

SUMMARY = "1797 handwritten digits, 8 x 8, grey; comes with scikit-learn, for a first try"
ARGUMENT = ""
SCHEDULE = Schedule(epochs=12, batch_size=64, peak_lr=0.1, crop=1)

TEST_SHARE = 0.2


def load(argument: str, data_dir: Path) -> Raw:
    """Grey levels 0..16 become 0..240. The test split is ours: scikit-learn has none."""
    from sklearn.datasets import load_digits  # costs 1 s

    digits = load_digits()
    images = (digits.images * 15).astype(np.uint8)[..., np.newaxis]
    labels = digits.target.astype(np.int64)
    # One test split for all studies: its seed is fixed here and depends on no seed of a study.
    test = stratified(labels, round(TEST_SHARE * len(labels)), derive("digits", "test"))
    train = np.setdiff1d(np.arange(len(labels)), test)
    return Raw(
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
        classes=tuple(str(name) for name in digits.target_names),
    )
