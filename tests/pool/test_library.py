"""The functions of `ensearch.pool`: they return what the command line prints, and print nothing."""

import json
from pathlib import Path

import numpy as np
import pytest

from ensearch import pool
from ensearch.errors import StorageError, UsageError
from ensearch.store import Store
from tests.command_line import DB, ensearch


@pytest.fixture
def pool_of_models(request: pytest.FixtureRequest) -> Path:
    """The fixture `pool`, whose name is that of the package here."""
    folder: Path = request.getfixturevalue("pool")
    return folder


def test_entries_are_described(pool_of_models: Path) -> None:
    described = pool.entries(storage=DB)
    assert [each.to_dict() for each in described] == json.loads(ensearch("pool list --json").stdout)
    assert [each.name for each in described] == ["small-1", "small-2", "left", "right"]
    assert [each.entry.network for each in described[:2]] == ["small", "small"]
    assert set(described[0].accuracies) == {"val"}


def test_a_use_of_test_is_told(pool_of_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes: list[str] = []
    described = pool.entries(storage=DB, test=True, on_note=notes.append)
    assert all(set(each.accuracies) == {"val", "test"} for each in described)
    assert "for the first time" in notes[0]
    (details,) = pool.show("left", storage=DB, test=True, on_note=notes.append)
    assert details.accuracies == described[2].accuracies
    assert "used once before (pool list once)" in notes[1]
    pool.entries(storage=DB, test=True)  # nobody need listen
    assert capsys.readouterr().out == capsys.readouterr().err == ""


def test_a_name_of_a_network_shows_all_of_it(pool_of_models: Path) -> None:
    assert [each.name for each in pool.show("small", storage=DB)] == ["small-1", "small-2"]
    (details,) = pool.show("left", storage=DB)
    assert details.to_dict() == json.loads(ensearch("pool show left --json").stdout)
    assert details.labels["val"] is not None
    assert details.labels["val"].startswith("400 images of 4 classes")
    assert details.used_by == ()
    with pytest.raises(UsageError, match="Did you mean 'left'"):
        pool.show("lef", storage=DB)


def test_entries_are_removed_all_or_none(pool_of_models: Path) -> None:
    with pytest.raises(UsageError):
        pool.remove(["left", "nobody"], storage=DB)
    assert len(pool.entries(storage=DB)) == 4
    assert pool.remove("left", storage=DB) == ("left",)
    assert pool.remove(["small-1", "right", "small-1"], storage=DB) == ("small-1", "right")
    assert [each.name for each in pool.entries(storage=DB)] == ["small-2"]


def test_a_member_that_is_used_is_kept(studied: Path) -> None:
    (member, *_) = pool.entries(storage=DB)
    (details,) = pool.show(member.name, storage=DB)
    assert details.used_by == ("digits-tiny-400k",)
    with pytest.raises(StorageError) as caught:
        pool.remove(member.name, storage=DB)
    assert caught.value.problem == "member_used"
    with Store.open(DB, create=False) as store:
        left = store.checkpoint_path(member.entry.key)
    left.touch()  # as of a member that was killed
    assert pool.remove(member.name, storage=DB, force=True) == (member.name,)
    assert not left.exists()


def test_problems_are_facts(pool_of_models: Path) -> None:
    assert pool.verify(storage=DB) == pool.Verification(entries=4, problems=())
    entry = pool.entries(storage=DB)[2].entry
    path = Path("studies/ensearch.members") / entry.key[:2] / f"{entry.key}.val.npz"
    path.write_bytes(b"torn")
    checked = pool.verify(storage=DB)
    assert checked.unusable == ("left",)
    (problem,) = checked.problems
    assert problem.error.problem == "model_unusable"
    assert problem.error.facts == {"name": "left", "changed": True}
    assert checked.to_dict() == {
        "entries": 4,
        "problems": [{"name": "left", "problem": str(problem.error), "entries": ["left"]}],
        "unverified": [],
        "caches": 0,
    }
    # The same without its labels.
    for labels in Path("studies/ensearch.members/labels").iterdir():
        labels.unlink()
    problems = pool.verify(storage=DB).problems
    assert {problem.error.problem for problem in problems} == {"model_unusable", "labels_unusable"}


def test_images_are_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 20)
    x = rng.integers(0, 256, (60, 8, 8, 3)).astype(np.uint8)
    np.savez("images.npz", x_train=x, y_train=y, x_test=x[::2], y_test=y[::2])
    notes: list[str] = []
    file = pool.write_images(
        dataset="npz:images.npz", out="one.npz", storage=DB, on_note=notes.append
    )
    assert file.to_dict() == {
        "path": "one.npz",
        "side": 8,
        "channels": 3,
        "images": {"val": 15, "test": 15},
        "to_train_on": 60,
    }
    assert "halves of the 30 held-out images" in notes[-1]
    assert file.notes == tuple(notes)
    more = pool.write_images(
        dataset="npz:images.npz", out="two.npz", choose_on="study", train=True, storage=DB
    )
    with np.load("two.npz") as written:
        sizes = {split: len(written[f"y_{split}"]) for split in ("val", "test", "train")}
    assert dict(more.images) == sizes
    assert sizes["val"] + sizes["train"] == 60
    with pytest.raises(UsageError):
        pool.write_images(dataset="npz:images.npz", out="one.npz", storage=DB)
    with pytest.raises(UsageError):
        pool.write_images(dataset="npz:images.npz", out="new.npz", choose_on="test", storage=DB)
    assert capsys.readouterr().out == capsys.readouterr().err == ""
