"""How far members trained together end from the same ones trained alone."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from ensearch import datasets
from ensearch.core import Labels, Member
from ensearch.datasets import Source
from ensearch.training import data, lockstep, loop
from ensearch.training.data import Images
from ensearch.training.lockstep import Lockstep
from ensearch.training.prediction import predict
from ensearch.training.state import State
from ensearch.training.strategy import Strategy, candidates
from scripts.benchmarks.fused.turns import BATCH, members_of


@contextlib.contextmanager
def single_precision() -> Iterator[None]:
    """Compute without bfloat16 and without TensorFloat-32 within."""
    with (
        mock.patch.object(loop, "mixed_precision", contextlib.nullcontext),
        mock.patch.object(lockstep, "mixed_precision", contextlib.nullcontext),
        torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
    ):
        yield


def equality(device: str, count: int = 4) -> list[dict[str, Any]]:
    """Measure and print the differences after an epoch of digits (11 steps)."""
    source = Source(spec="digits", data_dir=Path("unused"))
    dataset = datasets.load(source)
    images = data.load(source, dataset.fingerprint, device)
    members = members_of("10-1", 8, count)
    members = [replace(m, schedule=replace(m.schedule, epochs=3, peak_lr=0.1)) for m in members]
    tried = [strategy for strategy in candidates(device, count) if strategy.chunk in (1, count)]
    if device == "cpu":  # the code of the branches, without their graph
        tried.append(Strategy(kind="branches", chunk=count, graph=False))
    rows = []
    print(f"\nmembers together and alone: WRN-10-1 on digits, {count} members, one epoch")
    for precision in ("single", "bfloat16") if device == "cuda" else ("single",):
        with single_precision() if precision == "single" else contextlib.nullcontext():
            alone = [loop.fresh(member, images, device) for member in members]
            for state, member in zip(alone, members, strict=True):
                loop.train_epoch(state, images, member, 0, device)
            for strategy in tried:
                row: dict[str, Any] = {"precision": precision, "way": strategy.name}
                row |= _apart(strategy, alone, members, images, dataset.y_val)
                print(
                    f"  {precision}, {strategy.name}: logits differ by at most "
                    f"{row['logits']:.2g}, val accuracy by {row['accuracy']:.2%}"
                )
                rows.append(row)
    return rows


def _apart(
    strategy: Strategy,
    alone: Sequence[State],
    members: Sequence[Member],
    images: Images,
    labels: Labels,
) -> dict[str, float]:
    """Train the members by this strategy; return the largest differences to those trained alone."""
    device = images.x_train.device.type
    states = [loop.fresh(member, images, device) for member in members]
    for start in range(0, len(states), strategy.chunk):
        group = slice(start, start + strategy.chunk)
        together = Lockstep(strategy, states[group], members[group], images)
        together.run(states[group], members[group], 0)
        together.copy_to(states[group])
    logits, accuracy = 0.0, 0.0
    for pair in zip(alone, states, strict=True):
        a, b = (predict(state.model, images.to_predict["val"], images, BATCH) for state in pair)
        logits = max(logits, float(np.abs(a.astype(float) - b).max()))
        hits = [(predicted.argmax(axis=1) == labels).mean() for predicted in (a, b)]
        accuracy = max(accuracy, float(abs(hits[0] - hits[1])))
    return {"logits": logits, "accuracy": accuracy}
