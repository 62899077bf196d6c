"""Files that hold something else than was written to them are found, and never believed."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import delete

from ensearch.api import pool
from ensearch.datasets import CACHE_DAMAGED, Stored, _cache
from ensearch.errors import UnavailableError
from ensearch.files import sha256
from ensearch.store import Store, files, tables
from tests.command_line import DB, ensearch, quick
from tests.folders import load, write_tree

STUDY = "digits-tiny-400k"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of one member of a study, and the predictions of another one."""

    val: Path
    weights: Path
    other: Path
    y_val: npt.NDArray[np.int64]


@pytest.fixture
def member(studied: Path) -> Files:
    return first_member()


@pytest.fixture
def moved_member(folder: Path) -> Files:
    """Its predictions differ between images: one step of SGD moves a network more than Muon's."""
    assert quick("--optimizer sgd").exit_code == 0
    return first_member()


def first_member() -> Files:
    with Store.open(DB, create=False) as store:
        one, other, *_ = [r.member.key for r in store.all_members() if r.state == "trained"]
        y = store.study_labels(STUDY, "val")
        assert y is not None
        return Files(
            val=files.predictions_path(store.files, one, "val"),
            weights=files.weights_path(store.files, one),
            other=files.predictions_path(store.files, other, "val"),
            y_val=np.asarray(y),
        )


def flip(path: Path, place: int, bit: int = 1) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= bit
    path.write_bytes(content)


def test_damaged_labels_are_found_also_where_nothing_has_predicted_them(member: Files) -> None:
    """The study keeps the labels of val and those of test, which it never opened."""
    paths = sorted((member.val.parents[1] / "labels").glob("*.npz"))
    assert len(paths) == 2
    assert pool.verify(storage=DB).problems == ()
    for path in paths:
        flip(path, path.stat().st_size // 2)
        (problem,) = pool.verify(storage=DB).problems
        assert path.name in str(problem.error)
        flip(path, path.stat().st_size // 2)


def flip_weights(found: Files) -> Path:
    flip(found.weights, -1, 0x40)  # of an exponent
    return found.weights


def swap(found: Files) -> Path:
    shutil.copyfile(found.other, found.val)
    return found.val


def reverse(found: Files) -> Path:
    with np.load(found.val) as archive:
        logits = archive["logits"]
    np.savez_compressed(found.val, logits=logits[::-1])
    return found.val


def perfect(found: Files) -> Path:
    np.savez_compressed(found.val, logits=(8 * np.eye(10)[found.y_val]).astype(np.float16))
    return found.val


@contextmanager
def undone(found: Files) -> Iterator[None]:
    """What is done to the files in the block is undone after it, unless it raises."""
    before = {path: path.read_bytes() for path in (found.val, found.weights)}
    yield
    for path, content in before.items():
        path.write_bytes(content)


def forget_digests() -> None:
    """As in a storage from before digests were kept."""
    with Store.open(DB, create=False) as store, store._write() as connection:
        connection.execute(delete(tables.digests))


def forget_comparisons() -> None:
    """What a report would not compare again."""
    with Store.open(DB, create=False) as store, store._write() as connection:
        connection.execute(delete(tables.mixing_gains))


ATTACKS = [flip_weights, swap, reverse, perfect]


def test_a_changed_file_is_named(member: Files) -> None:
    forget_comparisons()
    for attack in ATTACKS:
        with undone(member):
            path = attack(member)
            read = ["front --pool all --budget 4e5", f"report {STUDY}"]
            for line in ["pool verify", *(read if path == member.val else [])]:
                result = ensearch(line)
                assert result.exit_code == 4, line
                said = (result.stdout + result.stderr).replace("\n", "")
                assert f"{path} does not hold what was written to it" in said, line
                assert f"ensearch resume {STUDY} --retrain-missing" in said, line
    path.unlink()
    assert ensearch(f"resume {STUDY} --retrain-missing --launcher inline").exit_code == 0
    assert ensearch("pool verify").exit_code == 0


def test_members_of_before_digests_are_unverified_until_they_predict_again(member: Files) -> None:
    forget_digests()
    checked = pool.verify(storage=DB)
    assert checked.problems == ()
    assert {file.path for file in checked.unverified} > {member.val, member.weights, member.other}
    result = ensearch("pool verify")
    assert result.exit_code == 0
    assert f"unverified: {member.val}, of " in result.stdout
    assert "ensearch pool verify --predict-again\n" in result.stdout
    assert f"but {len(checked.unverified)} unverified files\n" in result.stdout
    swap(member)
    result = ensearch("pool verify --predict-again --device cpu --json")
    assert result.exit_code == 4
    said = json.loads(result.stdout)
    (problem,) = said["problems"]
    assert "are not what its weights predict (probabilities differ by up to" in problem["problem"]
    assert {Path(file["path"]) for file in said["unverified"]} == {member.val, member.weights}


def test_whoever_does_not_predict_the_same_again_is_not_verified(
    moved_member: Files,
) -> None:
    forget_digests()
    for attack in ATTACKS:
        with undone(moved_member):
            path = attack(moved_member)
            for _ in range(2):
                (problem,) = pool.verify(storage=DB, predict_again=True, device="cpu").problems
                assert path.name.partition(".")[0][:8] in problem.name
                says = str(problem.error)
                assert "are not what its weights predict" in says or "are not finite" in says
    checked = pool.verify(storage=DB, predict_again=True, device="cpu")
    assert (checked.problems, checked.unverified) == ((), ())


def test_members_without_weights_stay_unverified(folder: Path) -> None:
    assert quick("--no-weights").exit_code == 0
    forget_digests()
    checked = pool.verify(storage=DB, predict_again=True, device="cpu")
    assert checked.problems == ()
    assert {file.has_weights for file in checked.unverified} == {False}
    assert "nothing but training them again would tell" in ensearch("pool verify").stdout


def test_a_model_is_verified_by_its_key(pool: Path) -> None:
    forget_digests()
    with Store.open(DB, create=False) as store:
        key = store.pool.models()[0].key
        assert store.member_files.digests(key) == {}
        assert ensearch("pool verify").exit_code == 0
        kept = store.member_files.digests(key)
        path = files.predictions_path(store.files, key, "val")
        assert kept["val"] == sha256.of_file(path)
    forget_digests()
    np.savez_compressed(path, logits=np.load(path)["logits"][::-1])
    assert "are not those that were imported" in ensearch("pool verify").stdout
    with Store.open(DB, create=False) as store:
        assert store.member_files.digests(key) == {}


# Images of folders of pictures


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kept folder of images of which a start looks at the first and the last only."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_cache, "_SAMPLE", 2)
    load(write_tree(tmp_path / "pets"))
    (found,) = (path for path in (tmp_path / "data/folders").iterdir() if path.is_dir())
    Store.open(DB, create=True).close()
    return found


def test_a_flipped_byte_of_an_image_is_found_when_it_is_read(cache: Path, tmp_path: Path) -> None:
    flip(cache / "pixels.npy", -4000)

    def read() -> None:  # some images are looked at when a folder is opened, which ones may change
        stored = load(tmp_path / "pets").x_train
        assert isinstance(stored, Stored)
        stored.check(np.arange(18))

    with pytest.raises(UnavailableError, match="holds another image than was written") as caught:
        read()
    assert caught.value.facts["folder"] == cache.resolve()
    checked = pool.verify(storage=DB)
    assert (checked.caches, checked.damaged_caches, checked.entries) == (1, 1, 0)
    result = ensearch("pool verify")
    assert result.exit_code == 4
    assert "Delete that folder, and the pictures are read again" in result.stdout
    shutil.rmtree(cache)
    load(tmp_path / "pets")
    assert pool.verify(storage=DB).problems == ()
    assert (
        "0 entries and 1 folder of images, and nothing is wrong" in ensearch("pool verify").stdout
    )


def test_training_reads_no_changed_image(cache: Path, tmp_path: Path) -> None:
    line = (
        f"run --budget 4e5 --dataset folder:{tmp_path}/pets@8 --epochs 1 --launcher inline "
        "--trials 1 --storage s.db"
    )
    whole = ensearch(line)
    (images,) = (path for path in cache.parent.glob("pets-8-*") if path.is_dir())
    for place in range(-18 * 192, 0, 192):
        flip(images / "pixels.npy", place)
    # The first and the last are looked at, and the cache would be made again.
    for place in (-18 * 192, -192):
        flip(images / "pixels.npy", place)
    again = ensearch(f"{line} --study other")
    assert "holds another image than was written" in again.stderr, whole.stderr
    assert again.exit_code == 5


@pytest.mark.parametrize("name", ["digests.npy", "sums.npy"])
def test_changed_arrays_of_a_cache_are_made_again(
    cache: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = load(tmp_path / "pets")
    flip(cache / name, -1)
    assert pool.verify(storage=DB).problems[0].error.problem == CACHE_DAMAGED
    capsys.readouterr()
    after = load(tmp_path / "pets")
    assert "reading 18 pictures" in capsys.readouterr().err
    assert (after.fingerprint, after.mean.tolist()) == (before.fingerprint, before.mean.tolist())


def test_a_cache_of_an_earlier_version_gets_its_digests_once_it_is_verified(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = json.loads((cache / "about.json").read_text())
    kept = about.pop("digests")
    (cache / "about.json").write_text(json.dumps(about))
    capsys.readouterr()
    load(tmp_path / "pets")
    assert "reading" not in capsys.readouterr().err  # all pictures, for hours
    flip(cache / "sums.npy", -8)
    assert "another sums.npy than its images have" in ensearch("pool verify").stdout
    flip(cache / "sums.npy", -8)
    assert pool.verify(storage=DB).problems == ()
    assert json.loads((cache / "about.json").read_text())["digests"] == kept
