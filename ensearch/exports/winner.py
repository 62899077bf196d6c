"""What is exported: the members that were scored, and what the storage knows of their images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ensearch import datasets
from ensearch.core import Evaluation, Floats, Schedule, Split, ensemble_label
from ensearch.datasets import Dataset
from ensearch.errors import StorageError, UnavailableError
from ensearch.exports import stored_members, times
from ensearch.exports.stored_members import Exits, Prefix, Score
from ensearch.exports.times import PrefixTimes
from ensearch.pool import predictions
from ensearch.pool.best_cascade import BestCascade
from ensearch.pool.entry import Entry
from ensearch.store import SEARCH, MemberRecord, Store
from ensearch.store.labels import SplitLabels
from ensearch.store.samples import ImageSample
from ensearch.study import config as configs
from ensearch.study.study import labels_of, sample_of, source


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Winner:
    """Members to export, in order, with all that their folder says.

    `prefixes` are measured on `split`, on so many `images`: the members' own predictions. `stored`
    are the N x C probabilities of val that the storage holds, by number of members. `dataset` is
    None where the images are gone or changed, and `gone` says why then. `estimate` is the accuracy
    that a study estimates for such a configuration, without the luck of selecting it. `times` are
    those that were measured of its networks. Of a `cascade` members are in the order in which they
    run. `query` is the one of the pool that selected the members, or those to choose from.
    """

    name: str  # for a folder
    title: str  # 4 × 10-0.625
    study: str  # "" of members of several studies
    stage: str
    data: str  # what people call the images
    members: tuple[MemberRecord, ...]
    rule: str
    labels: SplitLabels
    sample: ImageSample
    split: Split
    images: int
    prefixes: tuple[Prefix, ...]
    stored: tuple[Floats, ...]
    rounding: Floats  # N: how far float16 logits may have moved a probability
    dataset: Dataset | None
    gone: str
    environment: dict[str, Any]
    times: tuple[PrefixTimes, ...] = ()
    estimate: float | None = None
    cascade: BestCascade | None = None
    query: str = ""  # of those of a study

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, or their numbers where nobody said names."""
        return self.labels.classes or tuple(map(str, range(self.labels.count)))

    @property
    def whole(self) -> Prefix:
        """All members; in a cascade few images pass all of them."""
        return self.prefixes[-1]

    @property
    def macs(self) -> float:
        """Multiply-adds for an image, in a cascade the mean over val."""
        return self.whole.macs if self.cascade is None else self.cascade.macs

    @property
    def exits(self) -> Exits | None:
        """How the images of val leave the cascade, by the stored predictions; None of others."""
        if self.cascade is None:
            return None
        return stored_members.exits(self.stored, self.cascade.thresholds, self.cascade.measure)

    @property
    def measure(self) -> str:
        """The confidence by which an image leaves a cascade."""
        return "max" if self.cascade is None else self.cascade.measure

    @property
    def score(self) -> Score:
        """How often the exported model is right, by the stored predictions."""
        if self.cascade is None:
            return self.whole.score
        return stored_members.score(self.predicted, self.labels.values)

    @property
    def predicted(self) -> Floats:
        """The N x C probabilities of val by the stored predictions."""
        return self.stored[-1] if self.exits is None else self.exits.probs

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The schedules that the members were trained by, each once."""
        return tuple(dict.fromkeys(record.member.schedule for record in self.members))


def of_study(
    store: Store,
    study: str,
    evaluation: Evaluation,
    *,
    stage: str = SEARCH,
    title: str,
    estimate: float | None = None,
    data_dir: Path | None = None,
) -> Winner:
    """Return the first members of those that an evaluation was averaged over.

    They are in the order of their seeds, not of their accuracies, so that none is a lucky one.
    Raises StorageError if their weights, or what is known of their images, are missing.
    """
    config = configs.from_dict(store.study(study).config)
    keys = store.evaluation_members(study, stage).get(evaluation.network, ())[: evaluation.size]
    records = store.members(keys)
    lost = [key for key in keys if key not in records]
    if lost or len(keys) < evaluation.size:
        raise StorageError(
            f"{max(len(lost), evaluation.size - len(keys))} of the {evaluation.size} members of "
            f"{title} are in the storage no more, such as {', '.join(lost[:1]) or 'the last'}."
        )
    members = tuple(records[key] for key in keys)
    _check_weights(store, study, stage, members)
    split: Split = "val" if stage == SEARCH else "test"
    shape = title.replace(" × ", "x").replace(", ", "-").replace(" ", "")
    suffix = "" if stage == SEARCH else f"-{stage}"
    return _winner(
        store,
        study,
        members,
        data_dir,
        split,
        name=f"{study}/{shape}{suffix}",
        title=title,
        stage=stage,
        rule=config.rule,
        estimate=estimate,
    )


def of_pool(
    store: Store,
    query: str,
    entries: Sequence[Entry],
    *,
    name: str,
    cascade: BestCascade | None = None,
    data_dir: Path | None = None,
) -> Winner:
    """Return entries of the pool as one ensemble, whose probabilities are averaged arithmetically.

    They may be those of a `cascade`, in the order in which they run. Raises StorageError for models
    that were trained elsewhere, whose weights are not here, and as `of_study`.
    """
    foreign = [entry.name for entry in entries if not entry.is_member]
    if foreign:
        raise StorageError(
            f"{', '.join(foreign[:5])} of the pool cannot be exported: only predictions of models "
            "that were trained elsewhere are kept.",
            problem="weights_of_models",
        )
    predictions.agreed_labels(store, entries, "val")
    records = store.members([entry.key for entry in entries])
    members = tuple(records[entry.key] for entry in entries)
    _check_weights(store, members[0].study, members[0].stage, members)
    shapes = [entry.label for entry in entries]
    title = " + ".join(dict.fromkeys(ensemble_label(shapes.count(s), s) for s in shapes))
    if cascade is not None:
        title = " → ".join(shapes)
    whole = _winner(
        store,
        members[0].study,  # it says where the images are
        members,
        data_dir,
        "val",
        name=name,
        title=title,
        stage=f"pool {query}",
        rule="arithmetic",
        estimate=None if cascade is None else cascade.held_out,
    )
    whole = replace(whole, cascade=cascade, query=query)
    several = len({record.study for record in members}) > 1
    return replace(whole, study="", environment={}) if several else whole


def _check_weights(store: Store, study: str, stage: str, members: Sequence[MemberRecord]) -> None:
    """Raise StorageError unless all members have their weights."""
    without = sum(not record.has_weights for record in members)
    kept = f"the weights of {without} of the {len(members)} members were not kept"
    if without and stage == SEARCH:
        raise StorageError(
            f"{kept}, so they cannot be exported.", problem="weights_not_kept", study=study
        )
    if without:
        raise StorageError(f"{kept}, so they cannot be exported: confirm anew, and keep them.")
    missing = store.missing_files([record.member.key for record in members])
    if not missing:
        return
    says = (
        f"{len(missing)} files of the members are missing, such as {missing[0]}. Restore them, or "
        "train those members again."
    )
    if stage == SEARCH:
        raise StorageError(says, problem="files_missing", study=study)
    raise StorageError(says, problem="confirmed_files_missing", study=study)


def _winner(
    store: Store,
    study: str,
    members: tuple[MemberRecord, ...],
    data_dir: Path | None,
    split: Split,
    *,
    name: str,
    title: str,
    stage: str,
    rule: str,
    estimate: float | None,
) -> Winner:
    fingerprint = members[0].member.dataset
    dataset, gone = _images(store, study, fingerprint, data_dir)
    if dataset is not None:  # a study that began before a sample was kept
        store.pool.add_labels(fingerprint, dataset.spec, labels_of(dataset))
        store.pool.keep_sample(fingerprint, sample_of(dataset))
    labels, sample = _kept(store, study, fingerprint, gone)
    scored = labels[split].values
    stored, rounding = stored_members.probs(store, members, rule, "val", len(labels["val"].values))
    of_split = stored
    if split != "val":
        of_split, _ = stored_members.probs(store, members, rule, split, len(scored))
    # What trained members of another storage, or of a study that was removed, is not known.
    environment = store.study(study).environment if store.has_study(study) else {}
    return Winner(
        name=name,
        title=title,
        study=study,
        stage=stage,
        data=store.pool.datasets()[fingerprint].spec,
        members=members,
        rule=rule,
        labels=labels["val"],
        sample=sample,
        split=split,
        images=len(scored),
        prefixes=stored_members.prefixes(members, of_split, scored),
        stored=stored,
        rounding=rounding,
        dataset=dataset,
        gone=gone,
        environment=environment,
        times=times.of_members(store, members),
        estimate=estimate,
    )


def _images(
    store: Store, study: str, fingerprint: str, data_dir: Path | None
) -> tuple[Dataset | None, str]:
    """The images of a study; None where they are gone or others, and why."""
    if not store.has_study(study):
        return None, f"study {study} is not in this storage and cannot say where the images are."
    config = configs.from_dict(store.study(study).config)
    try:
        dataset = datasets.load(source(config, datasets.data_folder(data_dir)))
    except UnavailableError as error:
        return None, str(error)
    if dataset.fingerprint != fingerprint:
        return None, f"the images of {config.dataset} are others than those of then."
    return dataset, ""


def _kept(
    store: Store, study: str, fingerprint: str, gone: str
) -> tuple[dict[str, SplitLabels], ImageSample]:
    try:
        record = store.pool.datasets()[fingerprint]
        labels = {split: store.pool.labels(of) for split, of in record.labels.items()}
        return labels, store.pool.sample(fingerprint)
    except (KeyError, StorageError) as error:
        says = "" if isinstance(error, KeyError) else f" {error}"
        raise StorageError(
            f"the storage does not hold the classes, the normalisation and a sample of the images "
            f"of study {study}, and its images cannot be had.{says} {gone}",
            problem="images_not_kept",
            study=study,
        ) from error
