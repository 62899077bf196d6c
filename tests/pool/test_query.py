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
from tests.command_line import DB, quick
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


def test_what_tables_show_names_entries_everywhere(pool: Path) -> None:
    assert typed("pool show small").exit_code == 0
    with Store.open(DB, create=False) as store:
        entries = pool_entry.all_entries(store)
        for shown, names in (
            ("small", ["small-1", "small-2"]),
            ("1 × small", ["small-1"]),
            ("2 × small + left", ["small-1", "small-2", "left"]),
            ("2 x small -> right", ["small-1", "small-2", "right"]),
            ("small → left → right", ["small-1", "small-2", "left", "right"]),
        ):
            assert [e.name for e in pool_entry.entries_called(entries, shown)] == names
            assert [e.name for e in pool_query.select(store, shown)] == names
        with pytest.raises(UsageError, match="the pool has 2 of small, not 3"):
            pool_query.select(store, "left, 3 × small")
        with pytest.raises(UsageError, match="unknown entry of the pool 'small \\+ lefd'"):
            pool_entry.entries_called(entries, "small + lefd")


def test_members_are_named_as_tables_of_studies_show_them(folder: Path) -> None:
    assert quick("--study st").exit_code == 0
    with Store.open(DB, create=False) as store:
        entries = pool_entry.all_entries(store)
        first = entries[0]
        assert [e.name for e in pool_query.select(store, "st")] == [
            e.name for e in pool_query.select(store, "study:st")
        ]
        same = [e for e in entries if e.label == first.label]
        assert first.schedule is not None
        trained = f"epochs 1, crop {first.schedule.crop}"
        for shown in (
            f"{first.label}@8",
            f"{first.label}, epochs 1",
            f"{first.label}@8, {trained}",
        ):
            assert pool_entry.entries_called(entries, shown) == same
            assert pool_query.select(store, shown) == same
            assert pool_query.select(store, f"1 × {shown}") == same[:1]
        with pytest.raises(UsageError, match="nothing in the pool matches"):
            pool_query.select(store, f"{first.label}, epochs 7")


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
    y_val = models.labels(40, seed=9)  # of images that nobody has named
    models.imported("new", probs_val=models.probs(y_val, 2, 0), y_val=y_val)
    beside = typed("front --pool digits,new --budget 1G")
    assert "Or take the entries of one dataset: --dataset digits." in beside.stderr
