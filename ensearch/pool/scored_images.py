"""The images that models of the pool are scored on.

Models that were trained on all training images of a dataset have seen the val of studies, which is
cut from them. So by default the held-out images are halved: models are selected on one half, val,
and the other half is their test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ensearch import datasets
from ensearch.core import Labels
from ensearch.datasets import HELD_OUT, Dataset, Pictures, Source
from ensearch.pool.notes import OnNote, unheard
from ensearch.seeds import derive
from ensearch.store import Store
from ensearch.store.labels import SplitLabels
from ensearch.study.study import labels_of

MAY_HAVE_SEEN_VAL = (
    "val is cut from the dataset's training images: a model that was trained on all of them "
    "has seen val, and looks better there than it is"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredImages:
    """A dataset with the val and test that models are scored on, and the `whole` it is made of.

    `whole` is the dataset as a study with this seed reads it.
    """

    dataset: Dataset
    whole: Dataset
    choose_on: str
    seed: int

    @property
    def labels(self) -> dict[str, SplitLabels]:
        """The labels of val and test, by split."""
        return labels_of(self.dataset)

    @property
    def training_parts(self) -> tuple[tuple[Pictures, Labels], ...]:
        """All images, with labels, on which models are neither selected nor tested."""
        train = (self.whole.x_train, self.whole.y_train)
        val = (self.whole.x_val, self.whole.y_val)
        return (train, val) if self.choose_on == HELD_OUT else (train,)

    def keep_labels(self, store: Store, *, lasts: bool = False) -> Mapping[str, SplitLabels]:
        """Keep the labels in the storage, so that predictions are known to be of these images."""
        labels = self.labels
        store.pool.add_labels(
            self.dataset.fingerprint,
            self.dataset.spec,
            labels,
            halves_seed=self.dataset.halves_seed,
            lasts=lasts,
        )
        return labels

    def record_use(self, store: Store, verb: str, details: str = "") -> str:
        """Record that models are selected on a half of the test of studies; a note that says so."""
        if self.choose_on != HELD_OUT:
            return MAY_HAVE_SEEN_VAL
        val, test = (self.labels[split].fingerprint for split in ("val", "test"))
        store.link_halves(labels_of(self.whole)["test"].fingerprint, val, test)
        store.record_use_of_test(val, verb, details)
        return (
            f"val and test are halves of the {len(self.whole.y_test):,} held-out images of "
            f"{self.whole.spec} (seed {self.seed}), val to select on; for studies of these images "
            "this is a use of their test split"
        )


def load(
    spec: str,
    choose_on: str,
    seed: int,
    data_dir: str | Path | None,
    on_note: OnNote = unheard,
) -> ScoredImages:
    """Read a dataset and split it as `choose_on` says: "held-out" or "study".

    With "study", the split is that of a study with this seed: then its members and these models can
    be combined. Raises UsageError for a value or a dataset that does not exist, UnavailableError
    where the images cannot be had or halved.
    """
    datasets.check_choose_on(choose_on)
    source = Source(
        spec=spec, data_dir=datasets.data_folder(data_dir), split_seed=derive(seed, "split")
    )
    whole = datasets.load(source)
    for note in whole.notes:
        on_note(note)
    dataset = datasets.halved(whole, seed) if choose_on == HELD_OUT else whole
    return ScoredImages(dataset=dataset, whole=whole, choose_on=choose_on, seed=seed)
