"""Models that come into the pool, and those that are refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ensearch
from ensearch import pool
from ensearch.errors import UsageError
from ensearch.pool import prediction_file, registration
from ensearch.store import Store
from ensearch.store.labels import SplitLabels
from tests import models, servers
from tests.command_line import DB
from tests.records import predictions_of, record_of


def test_models_of_one_network_cost_the_same(folder: Path) -> None:
    models.imported("B0")
    models.write(Path("p.npz"), models.arrays(seed=5))
    with pytest.raises(UsageError, match="B0 of network 'B0' costs 390M multiply-adds, B1 1G"):
        ensearch.import_predictions("p.npz", name="B1", macs=1e9, network="B0")


def test_one_split_as_val_and_test_is_refused(folder: Path) -> None:
    content = models.arrays()
    same: dict[str, Any] = {
        "y_test": content["y_val"],
        "probs_test": models.probs(content["y_val"], 1.0, 9),
    }
    with pytest.raises(UsageError, match="images on which models are selected cannot be their"):
        models.imported("B0", **same)
    # In another order, and as a part of the other.
    order = np.argsort(content["y_val"], kind="stable")[5:]
    of = {name: content[f"{name}_val"] for name in ("probs", "y")}
    moved: dict[str, Any] = {f"{name}_val": of[name] for name in of}
    moved |= {f"{name}_test": of[name][order] for name in of}
    with pytest.raises(UsageError, match="all predictions of test are among those of val"):
        models.imported("B0", **moved)
    assert pool.entries(storage=DB) == ()


def test_a_model_that_guesses_is_noted(folder: Path) -> None:
    y = models.arrays()["y_val"]
    guesses = models.imported("B0", probs_val=models.probs(models.labels(40, seed=3), 4.0, 0))
    assert "where guessing among 4 classes gets 25.00%" in guesses.notes[-1]
    with pytest.raises(UsageError, match="with its columns in another order"):
        models.imported("B2", probs_val=models.probs((y + 1) % 4, 4.0, 0))
    right = models.imported("B1", probs_val=models.probs(y, 4.0, 0))
    assert not any("guessing" in note for note in right.notes)


@servers.BOTH_DATABASES
def test_labels_of_datasets_stay_while_a_study_or_a_file_has_them(store: Store) -> None:
    y = models.labels(40)
    found, _ = prediction_file.checked({"probs_val": models.probs(y, 1, 0), "y_val": y})
    labels = {s: SplitLabels(values=y, count=4, images=s) for s in ("study", "file", "none")}
    for name, of_split in labels.items():
        store.pool.add_labels(name, name, {"val": of_split}, lasts=name == "file")
    record = record_of(1)
    member = replace(record.member, dataset="study")
    store.add_trained(replace(record, member=member), predictions_of(member, "val"), None)
    for name, of_split in labels.items():
        registration.add(store, found, {"val": of_split}, name=name, macs=1, params=None, origin="")
        store.pool.remove(name)
    assert set(store.pool.datasets()) == {"study", "file"}
    assert {one.images for one in store.pool.known_labels()} == {"study", "file"}
