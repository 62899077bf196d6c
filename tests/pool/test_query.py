"""Which entries of the pool a query selects."""

from pathlib import Path

import pytest

import ensearch
from ensearch.errors import StorageError, UsageError
from ensearch.pool import entry as pool_entry
from ensearch.pool import query as pool_query
from ensearch.store import Store
from ensearch.store.labels import SplitLabels
from tests import models
from tests.command_line import DB
from tests.command_line import ensearch as typed


def test_queries_pick_entries(folder: Path) -> None:
    for name in ("eff0", "eff1", "vit"):
        models.imported(name)
    with Store.open(DB, create=False) as store:
        fingerprint = pool_entry.all_entries(store)[0].labels["val"]

        def names(query: str) -> list[str]:
            return [entry.name for entry in pool_query.select(store, query)]

        assert names("all") == names(f"dataset:{fingerprint[:6]}") == ["eff0", "eff1", "vit"]
        assert names("eff*") == names("eff1, eff0") == ["eff0", "eff1"]
        assert names("all,!vit") == names("!vit") == names("all, !v*") == ["eff0", "eff1"]
        with pytest.raises(UsageError, match="nothing in the pool matches 'cnn'"):
            names("all,!cnn")
        with pytest.raises(UsageError, match="leaves out everything"):
            names("eff*,!all")
        with pytest.raises(UsageError, match="nothing in the pool matches 'cnn'"):
            names("all,cnn")
        with pytest.raises(StorageError, match="unknown study 'x'"):
            names("study:x")
        with pytest.raises(UsageError, match="nothing in the pool matches 'dataset:'"):
            names("dataset:")


def test_entries_that_cannot_be_chosen_are_left_out_and_said(folder: Path) -> None:
    content = models.arrays()
    models.write(Path("t.npz"), {k: v for k, v in content.items() if k.endswith("test")})
    ensearch.import_predictions("t.npz", name="T", macs="1M")
    said: list[str] = []
    with Store.open(DB, create=False) as store:  # alone, it is named as the reason by `agreed`
        assert [e.name for e in pool_query.select(store, "all", said.append)] == ["T"]
    models.imported("B0")
    with Store.open(DB, create=False) as store:
        assert said == []
        assert [e.name for e in pool_query.select(store, "all", said.append)] == ["B0"]
        assert [e.name for e in pool_query.select(store, "T,B0", said.append)] == ["T", "B0"]
    assert len(said) == 1
    assert "1 of 2 entries are left out" in said[0]
    assert "T has no predictions of val, only of test" in said[0]


def test_entries_of_one_dataset(folder: Path) -> None:
    for name, seed in (("digits", 0), ("npz:b.npz", 5)):
        y = {"val": models.labels(40, seed=seed), "test": models.labels(50, seed=seed + 1)}
        labels = {
            split: SplitLabels(values=values, count=4, images=f"{name} {split}")
            for split, values in y.items()
        }
        with Store.open(DB, create=True) as store:
            store.pool.add_labels(name, name, labels, lasts=True)
        content = {f"y_{split}": values for split, values in y.items()}
        content |= {f"probs_{split}": models.probs(values, 2, 0) for split, values in y.items()}
        models.imported(name.partition(":")[0], **content)
    refused = typed("front --pool all --budget 1G")
    assert refused.exit_code == 4
    assert "Or take the entries of one dataset: --dataset digits or npz:b.npz." in refused.stderr
    for named in ("npz:b.npz", "npz"):
        with Store.open(DB, create=False) as store:
            if named == "npz:b.npz":
                (entry,) = pool_query.select(store, "all", dataset=named)
                assert entry.name == "npz"
            else:
                with pytest.raises(UsageError, match=r"Datasets of these: digits, npz:b\.npz"):
                    pool_query.select(store, "all", dataset=named)
    shown = typed("front --pool all --budget 1G --dataset digits")
    assert shown.exit_code == 0, shown.stderr
