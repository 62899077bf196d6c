"""Whether entries are of the same images, so that they can be combined."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensearch.errors import StorageError
from ensearch.pool import entry as pool_entry
from ensearch.pool import predictions, verification
from ensearch.store import Store
from tests import models
from tests.command_line import DB
from tests.records import predictions_of, record_of


def test_groups_that_do_not_agree_are_listed(folder: Path) -> None:
    content = models.arrays()
    models.imported("B0")
    for name in ("B1", "B2"):
        models.imported(name, y_val=np.roll(content["y_val"], 1))
    with Store.open(DB, create=False) as store:
        found = pool_entry.all_entries(store)
        with pytest.raises(StorageError) as caught:
            predictions.agreed_labels(store, found, "val")
    says = str(caught.value)
    groups = says.splitlines()[1:]
    assert len(groups) == 2
    assert f"dataset:{found[1].labels['val']}  2 entries such as B1" in groups[0]
    assert f"dataset:{found[0].labels['val']}  B0, 40 images of 4 classes" in groups[1]
    assert "folder:PATH@32 and @64" in says


def test_members_whose_labels_were_never_kept_are_named(store: Store) -> None:
    record = record_of(1)
    store.add_trained(record, predictions_of(record.member, "val"), None)
    (entry,) = pool_entry.all_entries(store)
    with pytest.raises(StorageError, match="are not kept in this storage: open a study"):
        predictions.agreed_labels(store, [entry], "val")
    (problem,) = verification.problems(store)
    assert "resume a study of them" in str(problem.error)
    store.pool.remove_member(entry.key)
    assert pool_entry.all_entries(store) == []
    assert not list(store.files.rglob("*.val.npz"))


def test_members_of_studies_are_not_to_be_imported_again(store: Store) -> None:
    record = record_of(1)
    store.add_trained(record, predictions_of(record.member, "val"), None)
    (entry,) = pool_entry.all_entries(store)
    known = replace(entry, labels={"val": "1"})
    says = predictions.why_lacking(known, "test")
    assert says.endswith("only of val: take members of a confirmation (the query confirmed:STUDY)")
    gone = replace(entry, trained_by=None)
    says = str(predictions.unusable(gone, "it is damaged"))
    assert f"it is damaged. The study of the member {entry.name} is not here to train it" in says
    model = replace(known, is_member=False, trained_by=None)
    assert "import it again with them" in predictions.why_lacking(model, "test")
    assert "import or add it again" in str(predictions.unusable(model, "it is damaged"))
