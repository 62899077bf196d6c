"""Predictions made once more from weights, to verify files of which no digest was kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensearch import training
from ensearch.core import Floats
from ensearch.ensembles import averaging
from ensearch.errors import EnsearchError, StorageError
from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.pool import predictions
from ensearch.pool.entry import Entry, all_entries
from ensearch.pool.notes import OnNote
from ensearch.store import Store
from ensearch.store.digests import WEIGHTS
from ensearch.study import config as configs
from ensearch.study.study import source

# How far probabilities of the same weights may lie apart, at one place and on average. Logits are
# kept in float16, whose rounding moves a probability by up to 0.003, and GPUs may multiply with 10
# bits of mantissa.
FURTHEST, ON_AVERAGE = 0.05, 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Unverified:
    """A file of an entry that may hold anything, and whether predictions can be made again."""

    name: str  # of the entry
    path: Path
    has_weights: bool

    def to_dict(self) -> dict[str, Any]:
        """The file as plain data."""
        return {"name": self.name, "path": str(self.path), "has_weights": self.has_weights}


def unverified(store: Store) -> list[Unverified]:
    """The files of entries of which no digest is kept."""
    return [
        Unverified(name=entry.name, path=path, has_weights=_predicts(entry))
        for entry in all_entries(store)
        for path in store.member_files.paths(entry.key, _parts(store, entry)).values()
    ]


def _predicts(entry: Entry) -> bool:
    """Whether it can predict again: only a study that is here says where its images are."""
    return entry.has_weights and entry.trained_by is not None


def _parts(store: Store, entry: Entry) -> list[str]:
    """What has no digest: splits of predictions, and the weights."""
    known = store.member_files.digests(entry.key)
    every = (*entry.splits, *([WEIGHTS] if entry.has_weights else []))
    return [part for part in every if part not in known]


def remake(
    store: Store, data_dir: Path, device: str, on_progress: OnNote
) -> Iterator[tuple[Entry, EnsearchError]]:
    """Let unverified members predict again, and keep digests of those that agree.

    Yields the others, with what is wrong with them. Members without weights are left out.
    """
    where = training.resolve_device(device)
    entries = [e for e in all_entries(store) if _predicts(e) and _parts(store, e)]
    # One after the other, a study's members need its images once.
    entries.sort(key=lambda entry: (entry.trained_by or (), entry.splits))
    for number, entry in enumerate(entries, start=1):
        on_progress(f"predicting again: {entry.name}, {number} of {len(entries)}")
        try:
            again = _predicted(store, entry, data_dir, where)
            for split, logits in again.items():
                _compare(entry, split, logits, predictions.logits(store, entry, split))
        except EnsearchError as error:
            yield entry, error
            continue
        store.member_files.verified(entry.key, _parts(store, entry))


def _predicted(
    store: Store, entry: Entry, data_dir: Path, device: str
) -> dict[str, npt.NDArray[np.float16]]:
    """Logits by split. Raises EnsearchError where there are none."""
    assert entry.trained_by is not None
    member = store.members([entry.key])[entry.key].member
    config = configs.from_dict(store.study(entry.trained_by[0]).config)
    job = MemberJob(
        member=member,
        source=source(config, data_dir),
        device=device,
        keep_weights=False,
        checkpoint=None,
        splits=entry.splits,  # type: ignore[arg-type]
        weights=store.weights_path(entry.key),
    )
    updates: list[Update] = []
    training.train_members((job,), updates.append)
    outcome = updates[-1]
    if isinstance(outcome, Trained):
        return {p.split: p.logits for p in outcome.predictions}
    assert isinstance(outcome, Failed)
    raise StorageError(
        f"{entry.name} cannot predict again, so that nobody knows whether its files hold what was "
        f"written to them: {outcome.detail}"
    )


def _compare(
    entry: Entry, split: str, again: npt.NDArray[np.float16], kept: npt.NDArray[np.float16]
) -> None:
    """Raise StorageError where they are not predictions of the same weights."""
    if again.shape == kept.shape:
        apart: Floats = np.abs(averaging.probs_of(again) - averaging.probs_of(kept))
        if apart.max() <= FURTHEST and apart.mean() <= ON_AVERAGE:
            return
        says = f"probabilities differ by up to {apart.max():.2f}, by {apart.mean():.3f} on average"
    else:
        says = f"they are {again.shape[0]} x {again.shape[1]}"
    raise predictions.unusable(
        entry,
        f"the predictions of {entry.name} on {split} are not what its weights predict ({says}): "
        "one of the two files was changed",
        changed=True,
    )
