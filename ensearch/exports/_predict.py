"""The exported predict.py, which `source` copies: pictures or arrays in, classes out.

What is written here works without this package.
"""

import argparse
import csv
import importlib.util
import json
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from ensearch.cores import usable_cores
from ensearch.datasets._decode import UnfitError
from ensearch.exports._inputs import Array, InputError, Pixels, read, sources

Predict = Callable[[Pixels], Array]
RUNTIMES = ("auto", "torch", "onnx")
DEVICES = ("cpu", "cuda", "auto")


def settings(folder: Path) -> dict[str, Any]:
    """Return what config.json says. Raises InputError where a folder holds no exported model."""
    try:
        return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no exported model: it has no config.json.") from error
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{folder} holds no exported model: config.json: {error}") from error


def runtime_of(folder: Path, runtime: str, members: int | None, device: str = "cpu") -> str:
    """Return what runs the model, "torch" or "onnx": `auto` takes model.onnx where it can.

    Of the two torch alone is told on which device it runs.
    """
    if device not in DEVICES:
        raise InputError(f"the device is one of {', '.join(DEVICES)}; got {device!r}.")
    if runtime == "onnx" and device != "cpu":
        raise InputError("model.onnx runs where ONNX Runtime runs; a device needs torch.")
    if runtime not in RUNTIMES:
        raise InputError(f"the runtime is one of {', '.join(RUNTIMES)}; got {runtime!r}.")
    if runtime == "onnx" and members is not None:
        raise InputError("model.onnx averages all members; the first ones alone need torch.")
    if runtime != "auto":
        return runtime
    fits = device == "cpu" and members is None and (folder / "model.onnx").exists()
    return "onnx" if fits and importlib.util.find_spec("onnxruntime") else "torch"


def predictor(
    folder: Path,
    runtime: str = "auto",
    members: int | None = None,
    workers: int = 1,
    device: str = "cpu",
) -> Predict:
    """Return what maps uint8 N x H x W x channels to N x classes probabilities.

    `members` averages the first so many only. So many `workers` run them side by side: processes,
    which end with this one, or on the device "cuda" streams of it. "auto" takes a GPU where there
    is one. Raises InputError.
    """
    config = settings(folder)
    count = len(config["members"])
    if members is not None and not 1 <= members <= count:
        raise InputError(f"the model has {count} members; got {members}.")
    if workers > 1 and runtime == "onnx":
        raise InputError("model.onnx runs members one after another; workers need torch.")
    if workers > 1 and config.get("cascade") and members is None:
        raise InputError("the networks of a cascade run one after another, without workers.")
    chosen = runtime_of(folder, runtime, members, device)
    if device != "cpu" and _has_gpu(device):
        return _on_gpu(folder, members, workers)
    if workers > 1:
        return _by_workers(folder, members or count, config["rule"], workers)
    if chosen == "onnx":
        return by_onnx(folder / "model.onnx", one_by_one=bool(config.get("cascade")))
    return _by_torch(folder, members)


def by_onnx(path: Path, *, one_by_one: bool, threads: int = 0) -> Predict:
    """Return what a model.onnx predicts, on so many threads; on all if that is 0."""
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(f"model.onnx needs onnxruntime, which cannot be used: {error}.") from error
    if not path.exists():
        raise InputError(f"{path} is not there: this model was exported without it.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors: its warnings are about the graph, not about images
    providers = onnxruntime.get_available_providers()
    session = onnxruntime.InferenceSession(path, options, providers=providers)

    def predict(images: Pixels) -> Array:
        # An image leaves a cascade by itself.
        parts = np.split(images, len(images)) if one_by_one else [images]
        return np.concatenate([session.run(None, {"images": part})[0] for part in parts])

    return predict


def _by_torch(folder: Path, members: int | None) -> Predict:
    import torch

    model = _loaded(folder)

    def predict(images: Pixels) -> Array:
        with torch.inference_mode():
            return np.asarray(model(torch.from_numpy(np.array(images)), members=members))

    return predict


def _has_gpu(device: str) -> bool:
    """Whether PyTorch finds a GPU. Raises InputError where one is asked for and none is found."""
    import torch

    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise InputError("no GPU can be used here: PyTorch finds none.")
    return there


def _on_gpu(folder: Path, members: int | None, streams: int) -> Predict:
    """Members on so many streams of a GPU, in single precision like that of a processor."""
    import torch

    model = _loaded(folder).to("cuda")
    if streams > 1:
        every = range(streams)
        model.streams = [torch.cuda.Stream() for _ in every]  # type: ignore[no-untyped-call]

    def predict(images: Pixels) -> Array:
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            probs = model(torch.from_numpy(np.array(images)).to("cuda"), members=members)
            return np.asarray(probs.cpu())

    return predict


def _loaded(folder: Path) -> Any:
    """The model of model.py with its weights."""
    spec = importlib.util.spec_from_file_location("exported_model", folder / "model.py")
    if spec is None or spec.loader is None:
        raise InputError(f"{folder / 'model.py'} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module.load(folder)


def _by_workers(folder: Path, count: int, rule: str, workers: int) -> Predict:
    """Members in processes side by side, each with its share of them and of the processors."""
    shares = [range(first, count, workers) for first in range(min(workers, count))]
    threads = max(1, usable_cores() // len(shares))
    context, ends = multiprocessing.get_context("spawn"), []
    for share in shares:
        here, there = context.Pipe()
        context.Process(target=_serve, args=(folder, share, threads, there), daemon=True).start()
        there.close()
        ends.append(here)

    def predict(images: Pixels) -> Array:
        parts: dict[int, Array] = {}
        try:
            for end in ends:
                end.send(images)
            for share, end in zip(shares, ends, strict=True):
                parts |= zip(share, end.recv(), strict=True)
        except (EOFError, OSError) as error:
            raise InputError("a process that ran members ended before it had answered.") from error
        mean = np.stack([parts[member] for member in range(count)]).mean(axis=0)
        if rule != "geometric":
            return np.asarray(mean)
        powers = np.exp(mean - mean.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    return predict


def _serve(folder: Path, share: Sequence[int], threads: int, end: Connection) -> None:
    """Answer batches of images by what some members have to average, until nobody asks."""
    import torch

    torch.set_num_threads(threads)
    model = _loaded(folder)
    while True:
        try:
            images = torch.from_numpy(np.array(end.recv()))
        except EOFError:
            return
        with torch.inference_mode():
            end.send(np.asarray(model.parts(images, share)))


def classified(
    found: Sequence[tuple[str, Path | Pixels]],
    predict: Predict,
    config: dict[str, Any],
    batch: int,
    skipped: list[str],
) -> Iterator[tuple[list[str], Array]]:
    """Yield names and their probabilities, a batch at a time; `skipped` gets what cannot be read.

    A batch has images of one size.
    """
    names: list[str] = []
    images: list[Pixels] = []
    for name, source in found:
        try:
            image = read(source, config)
        except UnfitError as error:
            skipped.append(f"{name}: {error}")
            continue
        if images and (len(images) == batch or images[0].shape != image.shape):
            yield names, predict(np.stack(images))
            names, images = [], []
        names.append(name)
        images.append(image)
    if images:
        yield names, predict(np.stack(images))


def rows_of(names: Sequence[str], probs: Array, classes: Sequence[str]) -> Iterator[list[str]]:
    """Yield for each image its name, its class, that one's probability and those of all classes."""
    for name, row in zip(names, probs, strict=True):
        best = int(row.argmax())
        yield [name, classes[best], f"{row[best]:.6f}", *(f"{p:.6f}" for p in row)]


def main(folder: Path, arguments: Sequence[str] | None = None) -> int:
    """Print CSV for pictures, folders of pictures, npz or npy files; return the exit code."""
    parser = argparse.ArgumentParser(description="Classify pictures or arrays; CSV comes out.")
    parser.add_argument("paths", nargs="+", type=Path, help="pictures, folders, .npz or .npy")
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto")
    parser.add_argument("--members", type=int, help="average the first so many (torch)")
    parser.add_argument("--batch", type=int, default=64, help="images at a time")
    parser.add_argument("--workers", type=int, default=1, help="members side by side (torch)")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="where torch runs")
    asked = parser.parse_args(arguments)
    skipped: list[str] = []
    try:
        config = settings(folder)
        found = sources(asked.paths, config["input"])
        workers = max(1, asked.workers)
        predict = predictor(folder, asked.runtime, asked.members, workers, asked.device)
        writer = csv.writer(sys.stdout)
        writer.writerow(["image", "class", "probability", *config["classes"]])
        for names, probs in classified(found, predict, config, max(1, asked.batch), skipped):
            writer.writerows(rows_of(names, probs, config["classes"]))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for line in skipped:
        print(f"left out: {line}", file=sys.stderr)
    return 5 if skipped else 0
