"""Entries of a pool in a file: what another storage makes of it, and of a damaged one."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ensearch import pool
from ensearch.errors import StorageError, UsageError
from ensearch.store import Store
from tests import models
from tests.command_line import DB, ensearch

OTHER = "other/o.db"


@pytest.fixture
def study(studied: Path) -> Path:
    """A working directory with a study and a model."""
    models.imported("B0")
    return studied


def test_members_and_models_come_into_another_storage(study: Path) -> None:
    exported = ensearch("pool export all --out all.zip")
    assert exported.exit_code == 0, exported.stderr
    before = pool.entries(storage=DB)
    assert exported.stdout.startswith(f"all.zip: {len(before) - 1} members and 1 model, ")
    taken = ensearch(f"pool import all.zip --storage {OTHER}")
    assert taken.exit_code == 0, taken.stderr
    after = pool.entries(storage=OTHER)
    assert taken.stdout.split() == [each.name for each in after]
    for one, other in zip(before, after, strict=True):
        assert (other.name, other.accuracies, other.data) == (one.name, one.accuracies, one.data)
        of_member = "trained by digits-tiny-400k (imported)"
        assert other.entry.origin == (of_member if one.entry.is_member else one.entry.origin)
        assert other.entry.has_weights == one.entry.has_weights
    assert after[0].entry.has_weights
    checked = pool.verify(storage=OTHER)
    assert (checked.problems, checked.unverified) == ((), ())
    with Store.open(DB, create=False) as one_store, Store.open(OTHER, create=False) as other_store:
        for each in before:
            digests = one_store.member_files.digests(each.entry.key)
            assert other_store.member_files.digests(each.entry.key) == digests
        dataset = before[0].dataset
        sample = other_store.pool.sample(dataset)
        assert np.array_equal(sample.images, one_store.pool.sample(dataset).images)
    again = ensearch(f"pool import all.zip --storage {OTHER}")
    assert again.exit_code == 0
    assert f"{len(before)} of the entries were here already" in again.stderr


def test_an_export_leaves_weights_out_and_never_writes_over_a_file(study: Path) -> None:
    written = ensearch("pool export digits-tiny-400k --out m.zip --no-weights --json")
    assert written.exit_code == 0, written.stderr
    archive = json.loads(written.stdout)
    with zipfile.ZipFile("m.zip") as content:
        assert not any(name.endswith("safetensors") for name in content.namelist())
    assert (archive["models"], archive["size"]) == (0, Path("m.zip").stat().st_size)
    imported = pool.import_archive("m.zip", storage=OTHER)
    assert len(imported.members) == archive["members"]
    assert not any(each.entry.has_weights for each in pool.entries(storage=OTHER))
    with pytest.raises(UsageError, match="a file that is not there yet"):
        pool.export("all", "m.zip", storage=DB)
    for query in ("nobody", "all,!all"):
        refused = ensearch(f"pool export {query} --out n.zip")
        assert refused.exit_code == 2
        assert refused.stderr.startswith("error: QUERY "), "the verb has no --pool"


def test_a_damaged_sample_of_images_is_named_and_a_missing_one_left_out(study: Path) -> None:
    (sample,) = Path("studies/ensearch.members/images").iterdir()
    sample.write_bytes(b"torn")
    with pytest.raises(StorageError, match="is damaged") as caught:
        pool.export("all", "all.zip", storage=DB)
    assert caught.value.problem == "sample_unusable"
    assert not Path("all.zip").exists()
    sample.unlink()
    pool.export("all", "all.zip", storage=DB)
    with zipfile.ZipFile("all.zip") as content:
        assert not any(name.startswith("images/") for name in content.namelist())


def test_files_that_are_older_than_zip_archives_are_written(study: Path) -> None:
    """Where a copy lost the times of its files, they are of 1970; zip begins in 1980."""
    for file in Path(DB).parent.rglob("*.safetensors"):
        os.utime(file, (0, 0))
    pool.export("digits-tiny-400k", "m.zip", storage=DB)
    assert pool.import_archive("m.zip", storage=OTHER).members


def test_what_nobody_has_verified_stays_so(study: Path) -> None:
    with Store.open(DB, create=False) as store:
        key = store.all_members()[0].member.key
        store.member_files.forget(key, ["val"])
    notes: list[str] = []
    pool.export("all", "b.zip", storage=DB, on_note=notes.append)
    assert notes == ["1 of the files are unverified, and stay so"]
    pool.import_archive("b.zip", storage=OTHER)
    (unverified,) = pool.verify(storage=OTHER).unverified
    assert unverified.path.name == f"{key}.val.npz"


def test_a_damaged_archive_brings_nothing(folder: Path) -> None:
    models.imported("B0")
    pool.export("B0", "b.zip", storage=DB)
    whole = Path("b.zip").read_bytes()
    Path("b.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=r"b\.zip is no whole archive"):
        pool.import_archive("b.zip", storage=OTHER)
    Path("changed.zip").unlink(missing_ok=True)
    with zipfile.ZipFile("changed.zip", "w") as changed:
        Path("b.zip").write_bytes(whole)
        with zipfile.ZipFile("b.zip") as content:
            for name in content.namelist():
                other = content.read(name) + b"x" * name.endswith(".val.npz")
                changed.writestr(name, other)
    with pytest.raises(UsageError, match=r"val\.npz does not hold what was exported"):
        pool.import_archive("changed.zip", storage=OTHER)
    with pytest.raises(UsageError, match="no such file"):
        pool.import_archive("none.zip", storage=OTHER)
    assert not Path("other").exists()


def test_another_model_of_the_name_is_not_replaced(folder: Path) -> None:
    models.imported("B0")
    pool.export("B0", "b.zip", storage=DB)
    pool.remove("B0", storage=DB)
    models.imported("B0", probs_val=models.probs(models.labels(40), 2.0, seed=77))
    with pytest.raises(StorageError, match="holds a model 'B0' already"):
        pool.import_archive("b.zip", storage=DB)
    assert [each.name for each in pool.entries(storage=DB)] == ["B0"]


@pytest.mark.parametrize("more", ["--name B1", "--macs 1M", "--class-order natural"])
def test_options_of_a_single_model_are_refused_with_an_archive(folder: Path, more: str) -> None:
    models.imported("B0")
    pool.export("B0", "b.zip", storage=DB)
    result = ensearch(f"pool import b.zip {more} --storage {OTHER}")
    assert (result.exit_code, Path("other").exists()) == (2, False)
    assert "an archive says itself what its entries are" in result.stderr


def test_a_file_that_is_lost_or_cut_is_named(folder: Path) -> None:
    models.imported("B0")
    pool.export("B0", "b.zip", storage=DB)
    Path("cut.zip").write_bytes(Path("b.zip").read_bytes()[:-40])
    lost, cut = (ensearch(f"pool import {name} --storage {OTHER}") for name in ("a.zip", "cut.zip"))
    assert (lost.exit_code, cut.exit_code, Path("other").exists()) == (2, 2, False)
    assert "error: a.zip: no such file" in lost.stderr
    assert "cut.zip is no whole file of `ensearch pool export`" in " ".join(cut.stderr.split())
