"""Which labels the rows of a prediction file belong to."""

import pytest

from ensearch.errors import UsageError
from ensearch.pool import label_matches, prediction_file
from ensearch.store import Store
from ensearch.store.labels import SplitLabels
from tests import models


def test_equal_labels_of_several_images_ask_which(store: Store) -> None:
    y = models.labels(40)
    for images in ("a", "b"):
        of_split = SplitLabels(values=y, count=4, images=images)
        store.pool.add_labels(f"data-{images}", "npz:x", {"val": of_split})
    found, _ = prediction_file.checked({"probs_val": models.probs(y, 1, 0), "y_val": y})
    with pytest.raises(UsageError, match=r"\(npz:x\), \w+ \(npz:x\). Say which is meant"):
        label_matches.match(store, found, (), "")
    match = label_matches.match(store, found, (), "data-b")["val"]
    assert match.labels.images == "b"
    other, _ = prediction_file.checked({"probs_val": models.probs(y, 1, 0), "y_val": 3 - y})
    with pytest.raises(UsageError, match="labels differ"):
        label_matches.match(store, other, (), "data-b")
