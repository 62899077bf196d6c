"""One network trained by one recipe from one seed."""

import hashlib
import json
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ensearch import datasets, families
from ensearch.core import Architecture, Member, Schedule
from ensearch.datasets import Dataset, Source
from ensearch.ensembles.averaging import probs_of
from ensearch.launch import Failed, MemberJob, Trained, Update
from ensearch.seeds import derive
from ensearch.training import data as tensors
from ensearch.training import describe_device, train_members
from ensearch.training.device import prepared
from ensearch.training.prediction import predict
from scripts.benchmarks.networks import architecture
from scripts.benchmarks.recipe.published import RECIPES, Recipe

Run = dict[str, Any]
Logits = npt.NDArray[np.floating[Any]]


def figures_of(recipe: str, epochs: int) -> Schedule | Recipe:
    """Return the fields of a recipe, with those behind its colon changed.

    Exits if there is no such recipe, or if it has no such field.
    """
    name, _, changes = recipe.partition(":")
    # On pictures like CIFAR's: what --dataset cifar10 does.
    usual: dict[str, Schedule | Recipe] = {
        "ensearch": replace(datasets.schedule("cifar10"), epochs=epochs),
        "digits": replace(datasets.schedule("digits"), epochs=epochs),
        **RECIPES,
    }
    if name not in usual:
        raise SystemExit(f"unknown recipe {name!r}: expected one of {', '.join(usual)}.")
    base = usual[name]
    types = {field.name: type(getattr(base, field.name)) for field in fields(base)}
    pairs = dict(change.split("=", 1) for change in changes.split(",") if change)
    if unknown := pairs.keys() - types.keys():
        raise SystemExit(
            f"{recipe}: {name} has no {', '.join(unknown)}; it has {', '.join(types)}."
        )
    changed: dict[str, Any] = {key: _read(types[key], value) for key, value in pairs.items()}
    if isinstance(base, Schedule):
        return base.changed(**changed)  # another optimizer brings its own rates
    return replace(base, **changed)


def _read(kind: type, text: str) -> object:
    return bool(int(text)) if kind is bool else kind(text)


def train(
    run: Run, source: Source, data: Dataset, device: str, predictions: Path | None = None
) -> Run:
    """Train the network of a run; return the run with accuracy and NLL on val, loss and time.

    Its probs on val and their labels are kept in the folder `predictions`.
    """
    shape = architecture(run["network"], data.resolution)
    figures = figures_of(run["recipe"], run["epochs"])
    seed = derive("recipe", run["seed"])
    began = time.perf_counter()
    if isinstance(figures, Schedule):
        member = Member(architecture=shape, schedule=figures, dataset=data.fingerprint, seed=seed)
        outcome = _by_ensearch(member, source, device)
        if isinstance(outcome, Failed):
            return run | {"accuracy": float("nan"), "nll": float("nan"), "failed": outcome.detail}
        logits, loss = outcome.predictions[0].logits, outcome.losses[-1]
    elif shape.resolution != data.resolution:
        raise SystemExit(f"{run['recipe']} does not resize pictures: {run['network']}.")
    else:
        logits, loss = _by_published(figures, shape, source, data, run["epochs"], seed, device)
    if predictions is not None:
        run = run | {"predictions": str(_keep(run, logits, data, predictions))}
    return run | {
        "accuracy": float((logits.argmax(axis=1) == data.y_val).mean()),
        "nll": _nll(logits, data),
        "loss": loss,
        "seconds": time.perf_counter() - began,
        "device": describe_device(device),
        "torch": torch.__version__,
    }


def _by_ensearch(member: Member, source: Source, device: str) -> Trained | Failed:
    job = MemberJob(
        member=member, source=source, device=device, keep_weights=False, checkpoint=None
    )
    updates: list[Update] = []
    train_members((job,), updates.append)
    outcome = updates[-1]
    assert isinstance(outcome, Trained | Failed)
    return outcome


def _by_published(
    recipe: Recipe,
    shape: Architecture,
    source: Source,
    data: Dataset,
    epochs: int,
    seed: int,
    device: str,
) -> tuple[Logits, float]:
    """Return the logits on val and the last training loss, from the weights ensearch begins at."""
    images = tensors.load(source, data.fingerprint, device, ("val",))
    torch.manual_seed(derive(seed, "init"))
    model = prepared(families.build(shape, images.channels, images.classes), device)
    loss = recipe.train(model, images, epochs, seed, device)
    batch = Schedule(epochs=epochs).batch_size
    return predict(model, images.to_predict["val"], images, batch), loss


def _keep(run: Run, logits: Logits, data: Dataset, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()[:16]
    path = folder / f"{name}.npz"
    np.savez(path, probs=probs_of(logits.astype(np.float16)), labels=data.y_val)
    return path


def _nll(logits: Logits, data: Dataset) -> float:
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    log_probs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    return float(-log_probs[np.arange(len(log_probs)), data.y_val].mean())
