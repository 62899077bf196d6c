"""Measuring how long an exported model takes, bytes in and probabilities out."""

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ensearch import training
from ensearch.errors import UsageError
from ensearch.exports import _predict
from ensearch.exports._inputs import InputError
from ensearch.latency import measurement, runtimes, timing
from ensearch.pool.notes import OnNote
from ensearch.store import LatencyRecord


def records(
    folder: Path,
    batches: Sequence[int],
    threads: int,
    runtime: str,
    note: OnNote,
    on_progress: OnNote,
) -> tuple[str, list[LatencyRecord]]:
    """Return the title of the model, and the times of its first 1, 2, ... members by batch.

    By ONNX Runtime those of all members alone, because model.onnx averages them. Images are square,
    of as many pixels as the networks read. Raises UsageError if it is no exported folder.
    """
    try:
        config = _predict.settings(folder)
        count = len(config["members"])
        sizes = [count] if runtime == "onnx" else list(range(1, count + 1))
        cascade = bool(config["cascade"])
        if cascade:
            note("all images pass all networks here: how many leave a cascade depends on them.")
        if cascade and runtime == "onnx":
            raise UsageError("model.onnx of a cascade takes as long as its images make it take.")
        with runtimes.threads_of_torch(threads):
            runs = []
            for size in sizes:
                on_progress(f"loading {size} of {count} members")
                runs += [_run(folder, config, runtime, size, batch, threads) for batch in batches]
            on_progress("measuring in turns")
            taken = timing.measure(runs)
    except InputError as error:
        raise UsageError(str(error)) from error
    place = measurement.Place(
        device="cpu", name=training.name_device("cpu"), runtime=runtime, threads=threads
    )
    macs = {row["members"]: row["multiply_adds"] for row in config["accuracy"]["by_members"]}
    pairs = [(size, batch) for size in sizes for batch in batches]
    setup, now = place.setup, datetime.now(UTC)
    return config["title"], [
        measurement.record(
            each,
            architecture=config["title"],
            macs=macs[size] // size,
            size=size,
            batch=batch,
            setup=setup,
            measured=now,
        )
        for (size, batch), each in zip(pairs, taken, strict=True)
    ]


def _run(
    folder: Path, config: dict[str, Any], runtime: str, size: int, batch: int, threads: int
) -> timing.Run:
    inputs = config["input"]
    shape = (batch, inputs["resolution"], inputs["resolution"], inputs["channels"])
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    if runtime == "onnx":
        predict = _predict.by_onnx(folder / "model.onnx", one_by_one=False, threads=threads)
    else:
        predict = _predict.predictor(folder, runtime, size)
    return functools.partial(predict, images)
