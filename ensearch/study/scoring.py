"""Predictions in the store -> evaluations of every size of a network, and what each got right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensearch.core import (
    Architecture,
    AxisCost,
    Evaluation,
    Floats,
    Labels,
    Schedule,
    Scores,
    SubsetHits,
    evaluation_key,
    network_key,
)
from ensearch.ensembles import averaging
from ensearch.store import SEARCH, Store
from ensearch.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """How a study scores: its labels by split, its rule of averaging and its seed."""

    store: Store
    labels: Mapping[str, Labels]
    rule: str
    seed: int

    @classmethod
    def of(cls, study: Study, store: Store, *splits: str) -> "Scorer":
        """Return how an opened study scores on some splits."""
        dataset, config = study.dataset, study.config
        every = {"val": dataset.y_val, "test": dataset.y_test}
        labels = {split: every[split] for split in splits}
        return cls(store=store, labels=labels, rule=config.rule, seed=config.seed)

    def score(
        self, network: str, members: Sequence[str], split: str, largest: int | None = None
    ) -> list[tuple[Scores, SubsetHits]]:
        """Scores of sizes 1 to R, from the stored predictions of R `members` (keys) of one network.

        Sizes above `largest` are left out. On another split than val the temperature is fitted on
        val. StorageError if predictions are missing or damaged.
        """
        probs, labels = self._probs(members, split), self.labels[split]
        fitted_on = None if split == "val" else (self._probs(members, "val"), self.labels["val"])
        return [
            averaging.evaluate(
                probs,
                labels,
                size,
                self.rule,
                # A report draws the same subsets again, on every split.
                seed=averaging.subset_seed(self.seed, network, size),
                calibrate=fitted_on,
            )
            for size in range(1, min(len(members), largest or len(members)) + 1)
        ]

    def subset_hits(self, study: str, split: str, stage: str = SEARCH) -> dict[str, SubsetHits]:
        """The hits of every evaluation of a stage of a study on one split, by evaluation key.

        They were kept with the evaluations, because averaging the predictions of 500 members
        on 5,000 images again takes 12 s. That is done for evaluations of versions that kept
        none; StorageError if predictions are then missing or damaged.
        """
        hits = self.store.subset_hits(study, split, stage)
        missing: dict[str, int] = {}  # the largest size of each network that lacks any
        for e in self.store.evaluations(study, stage, split):
            if e.key not in hits:
                missing[e.network] = max(e.size, missing.get(e.network, 0))
        members = self.store.evaluation_members(study, stage) if missing else {}
        for network, largest in missing.items():
            scored = self.score(network, members[network], split, largest)
            for size, (_, outcomes) in enumerate(scored, start=1):
                hits[evaluation_key(size, network)] = outcomes
        return hits

    def _probs(self, members: Sequence[str], split: str) -> Floats:
        logits = [self.store.predictions(key, split).logits for key in members]
        return np.stack([averaging.probs_of(member_logits) for member_logits in logits])


def evaluations(
    study: Study,
    architecture: Architecture,
    schedule: Schedule,
    scored: Sequence[tuple[Scores, SubsetHits]],
    trained: int,
    split: str,
    distillation: str = "",
) -> list[Evaluation]:
    """Rows of sizes 1 and up, of `trained` members of a network.

    `distillation` is the key of what they learned in place of labels.
    """
    cost, price = study.count(architecture), study.price(architecture)
    train_macs = study.train_macs(architecture, schedule)
    return [
        Evaluation(
            architecture=architecture,
            schedule=schedule,
            size=size,
            trained=trained,
            subsets=len(outcomes.subsets),
            split=split,
            cost=cost.times(size),
            train_macs=size * train_macs,
            scores=scores,
            on_axis=None if price is None else AxisCost(value=size * price),
            distillation=distillation,
        )
        for size, (scores, outcomes) in enumerate(scored, start=1)
    ]


def evaluate(
    study: Study,
    store: Store,
    architecture: Architecture,
    schedule: Schedule,
    keys: Sequence[str],
    largest: int,
) -> list[Evaluation]:
    """Evaluate and store all sizes up to `largest` of a network's members on val.

    `keys` are those of its trained members, in order. StorageError if predictions are missing.
    """
    network = network_key(architecture, schedule)
    scored = Scorer.of(study, store, "val").score(network, keys, "val", largest)
    rows = evaluations(study, architecture, schedule, scored, len(keys), "val")
    store.save_evaluations(study.config.name, rows, keys, [hits for _, hits in scored])
    return rows
