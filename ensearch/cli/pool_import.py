"""`pool import`, `add` and `images`: bring models that exist. Imports torch to predict only."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer

from ensearch import units
from ensearch.cli.terminal import say
from ensearch.datasets import _held_out as held_out
from ensearch.datasets._held_out import HELD_OUT
from ensearch.errors import UsageError, invalid
from ensearch.pool import entry, prediction_file, register
from ensearch.pool.register import Model
from ensearch.store import Store, openings
from ensearch.store.models import ModelRecord

if TYPE_CHECKING:
    from ensearch.core import Labels
    from ensearch.datasets import Dataset, Pictures

SEEN = (
    "note: val is cut from the dataset's training images: a model that was trained on all of them "
    "has seen val, and looks better there than it is (--choose-on held-out of `pool add` and "
    "`pool images` takes other images)"
)


def imported(
    file: Path,
    name: str,
    macs: str,
    params: str | None,
    network: str,
    dataset: str,
    storage: str,
) -> None:
    """Validate before the storage is made: a wrong file leaves nothing behind."""
    entry.check_name(name)
    model = Model(
        name=name,
        macs=whole(macs, "macs"),
        params=None if params is None else whole(params, "params"),
        network=network,
        origin=f"file {file.name}",
    )
    found, classes = prediction_file.read(file)
    with Store.open(storage, create=True) as store:
        matched = register.matched(store, found, classes, dataset)
        labels = {split: of_split for split, (of_split, _) in matched.items()}
        seen = "val" in labels and _is_cut_from_train(store, labels["val"].fingerprint)
        if seen:
            model = replace(model, origin=f"{model.origin}; {entry.MAY_HAVE_SEEN}")
        record = register.keep(store, model, found, labels)
        for _, sentence in matched.values():
            say(sentence)
        if "val" not in found:
            say("note: without predictions of val, `ensearch front` cannot choose this model")
        if seen:
            say(SEEN)
        _report(store, record)


def _is_cut_from_train(store: Store, val: str) -> bool:
    """Whether labels are of the val of a dataset as studies read it."""
    return any(not held_out.is_halved(spec) for spec in store.pool.names_of("val", val))


def whole(text: str, option: str) -> int:
    """A whole number from 5e9, 5G and the like. Raises UsageError."""
    value = units.parse_count(text, option)
    if value < 1 or value != round(value):
        raise invalid(option, f"must be a whole number of at least 1; got {text!r}.")
    return round(value)


def _report(store: Store, record: ModelRecord) -> None:
    """The line on stdout, and a note where the model seems to guess."""
    right = ""
    if "val" in record.labels:
        logits = store.pool.predictions(record.key, "val").logits
        labels = store.pool.labels(record.labels["val"]).values
        right = f", {float(np.mean(logits.argmax(axis=1) == labels)):.2%} right on val"
        doubt = register.doubt(logits, labels)
        if doubt:
            say(f"note: {record.name} is {doubt}")
    typer.echo(f"{record.name}: {units.format_count(record.macs)} multiply-adds{right}")


def added(
    dataset: str,
    names: str,
    checkpoint: Path | None,
    name: str | None,
    resolution: int | None,
    normalise: str | None,
    choose_on: str,
    seed: int,
    device: str | None,
    data_dir: Path,
    storage: str,
) -> None:
    """Everything that is wrong with the words is found before the images are read."""
    models = [one.strip() for one in names.split(",")]
    _check_words(models, checkpoint, name, normalise, choose_on)
    from ensearch import training
    from ensearch.pool import pretrained

    place = training.resolve_device(device or "auto")
    whole_data, judges = _judges(dataset, choose_on, seed, data_dir)
    with Store.open(storage, create=True) as store:
        for one in [name] if name else models:
            store.pool.check(one)
        for one in models:
            wanted = pretrained.Wanted(
                name=name or one,
                timm=one,
                checkpoint=checkpoint,
                resolution=resolution or judges.resolution,
                normalise=normalise or ("model" if checkpoint is None else "dataset"),
                choose_on=choose_on,
            )
            record = pretrained.add(store, judges, wanted, place, say)
            # Recorded before it is seen.
            note = _opened(store, whole_data, judges, choose_on, seed, f"pool add --timm {one}")
            _report(store, record)
        say(note)


def _check_words(
    models: list[str],
    checkpoint: Path | None,
    name: str | None,
    normalise: str | None,
    choose_on: str,
) -> None:
    for one, what in ((checkpoint, "--checkpoint"), (name, "--name")):
        if one is not None and len(models) > 1:
            raise UsageError(f"{what} is for one model; --timm names {len(models)}.")
    if len(set(models)) < len(models):
        raise UsageError(f"--timm names a model twice: {','.join(models)}.")
    for one in [name] if name else models:
        entry.check_name(one)
    if normalise not in (None, "dataset", "model"):
        raise UsageError(f"--normalise must be dataset or model; got {normalise!r}.")
    held_out.check(choose_on)


def _judges(dataset: str, choose_on: str, seed: int, data_dir: Path) -> tuple["Dataset", "Dataset"]:
    """As a study with this seed reads the dataset, and with the val and test that are asked for."""
    from ensearch import datasets
    from ensearch.datasets import Source
    from ensearch.seeds import derive

    # With --choose-on study, the split of a study with this seed: then its members and these
    # models can be combined.
    source = Source(spec=dataset, data_dir=data_dir, split_seed=derive(seed, "split"))
    found = datasets.load(source)
    for note in found.notes:
        say(f"note: {note}")
    return found, held_out.halved(found, seed) if choose_on == HELD_OUT else found


def _opened(
    store: Store, whole_data: "Dataset", judges: "Dataset", choose_on: str, seed: int, what: str
) -> str:
    """Record that a half of a study's test chooses; what val and test are, in a line."""
    if choose_on != HELD_OUT:
        return SEEN
    from ensearch.study.study import labels_of

    parts = labels_of(judges)
    val, test = (parts[split].fingerprint for split in ("val", "test"))
    openings.link(store, labels_of(whole_data)["test"].fingerprint, val, test)
    openings.record(store, val, what)
    return (
        f"note: val and test are halves of the {len(whole_data.y_test):,} held-out images of "
        f"{whole_data.spec} (seed {seed}), val to choose on; for studies of these images this is "
        "an opening of their test split"
    )


def _to_train_on(whole_data: "Dataset", choose_on: str) -> tuple[tuple["Pictures", "Labels"], ...]:
    """All that neither choose nor test: where held-out images choose, also the val of studies."""
    train = (whole_data.x_train, whole_data.y_train)
    val = (whole_data.x_val, whole_data.y_val)
    return (train, val) if choose_on == HELD_OUT else (train,)


def images(
    dataset: str,
    choose_on: str,
    seed: int,
    with_train: bool,
    out: Path,
    data_dir: Path,
    storage: str,
) -> None:
    held_out.check(choose_on)
    from ensearch.datasets import _export as export
    from ensearch.study.study import labels_of

    export.check(out)
    whole_data, judges = _judges(dataset, choose_on, seed, data_dir)
    train = _to_train_on(whole_data, choose_on) if with_train else ()
    with Store.open(storage, create=True) as store:
        # An import of predictions is then known to be of these images.
        store.pool.add_labels(judges.fingerprint, judges.spec, labels_of(judges), lasts=True)
        export.write(out, judges, train)
        note = _opened(store, whole_data, judges, choose_on, seed, "pool images")
    side, channels = judges.resolution, judges.channels
    for split, y in (("val", judges.y_val), ("test", judges.y_test)):
        say(
            f"{split:<8}  x_{split} {len(y):,} x {side} x {side} x {channels} uint8, y_{split}; "
            f"predict them in this order as probs_{split} or logits_{split}, columns in the order "
            "of classes"
        )
    count = sum(len(y) for _, y in _to_train_on(whole_data, choose_on))
    if with_train:
        say(f"train     x_train {count:,} x {side} x {side} x {channels} uint8, y_train")
    else:
        say(f"note: --train adds the {count:,} images to train on, x_train and y_train")
    say(note)
    typer.echo(f"{out}")
