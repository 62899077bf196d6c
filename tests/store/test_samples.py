"""The sample of images that is kept for each dataset."""

from dataclasses import replace

import numpy as np
import pytest

from ensearch.errors import StorageError
from ensearch.store import Store, samples
from ensearch.store.samples import ImageSample


def sample_of(seed: int = 0) -> ImageSample:
    rng = np.random.default_rng(seed)
    return ImageSample(
        images=rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8),
        places=np.array([0, 4, 9]),
        mean=(100.0, 0.1 + 0.2, 3.0),
        std=(50.0, 60.0, 70.0),
        crop=0.875,
    )


def test_a_sample_comes_back_and_is_written_once(store: Store) -> None:
    store.pool.keep_sample("abcdef01", sample_of())
    store.pool.keep_sample("abcdef01", sample_of(seed=1))
    kept, wanted = store.pool.sample("abcdef01"), sample_of()
    assert np.array_equal(kept.images, wanted.images)
    assert kept.places.tolist() == [0, 4, 9]
    assert (kept.mean, kept.std, kept.crop) == (wanted.mean, wanted.std, 0.875)
    assert (kept.resolution, kept.channels) == (8, 3)


def test_what_is_spread_is_kept_and_added_to_a_sample_of_an_older_version(store: Store) -> None:
    file = samples.path(store.files, "abcdef01")
    store.pool.keep_sample("abcdef01", sample_of())
    with np.load(file) as kept:
        older = {name: kept[name] for name in kept.files if name != "spread"}
    np.savez(file, **older)
    assert store.pool.sample("abcdef01").spread is None
    store.pool.keep_sample("abcdef01", replace(sample_of(), spread=(0.0, 0.25)))
    assert store.pool.sample("abcdef01").spread == (0.0, 0.25)


def test_a_missing_or_damaged_sample_is_explained_and_written_again(store: Store) -> None:
    with pytest.raises(StorageError, match="is missing") as caught:
        store.pool.sample("abcdef01")
    assert caught.value.problem == "sample_unusable"
    store.pool.keep_sample("abcdef01", sample_of())
    file = samples.path(store.files, "abcdef01")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(StorageError, match="cannot be read"):
        store.pool.sample("abcdef01")
    store.pool.keep_sample("abcdef01", sample_of())
    assert len(store.pool.sample("abcdef01").images) == 3
