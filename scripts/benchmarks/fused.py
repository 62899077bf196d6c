"""Members side by side against one after another: images per second, way by way, in one run.

    python -m scripts.benchmarks.fused --out result.json

For every network and number of members all ways of `ensearch.training.ways` train the same random
pictures of CIFAR-10's size in batches of 128. Each takes turns with one after another; the ratio is
the median over turns, with the least and the largest. "Over graphs" compares with one after another
where each step is a recorded CUDA graph. Then: what the short measurement of a
search chooses and how long it takes; which share of the GPU's peak WRN-28-10 reaches; and how far
members trained together end from the same ones trained alone, on scikit-learn's digits.

Without CUDA small networks of 8 x 8 and 32 x 32 pictures train on one thread: there are no graphs
and no share of a peak, and a search never trains members of a CPU side by side.
"""

import argparse
import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from ensearch import cost, datasets
from ensearch.core import Architecture, Member, Schedule
from ensearch.datasets import Source
from ensearch.training import data, describe_device, lockstep, loop, strategies
from ensearch.training.data import Images
from ensearch.training.device import reproducible
from ensearch.training.lockstep import Lockstep, Way
from ensearch.training.state import State
from ensearch.training.strategies import ALONE

ON_GPU = [(32, name) for name in ("16-1", "16-4", "10-1", "16-2", "28-4")]
ON_CPU = [(8, "10-0.25"), (8, "10-1"), (32, "10-1")]
# What an H100 is meant to reach: images/s over one after another, by network and members.
GOALS = {("16-1", 8): 8.0, ("16-4", 4): 3.0}
# Dense bfloat16 operations per second, from the makers' data sheets; 2 to a multiply-add.
PEAKS = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989.4e12,
    "H200": 989.4e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
}
STEPS, BATCH = (10 if torch.cuda.is_available() else 3), 128


def pictures(resolution: int, device: str, steps: int = STEPS, batch: int = BATCH) -> Images:
    """Random ones: what they show changes no speed."""
    generator = torch.Generator().manual_seed(0)
    shape = (steps * batch, resolution, resolution, 3 if resolution > 8 else 1)
    x = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8).to(device)
    return Images(
        x_train=x,
        y_train=(torch.arange(len(x)) % 10).to(device),
        to_predict={"val": x[:batch]},
        mean=torch.full(shape[3:], 127.5, device=device),
        std=torch.full(shape[3:], 74.0, device=device),
        classes=10,
    )


def members_of(network: str, resolution: int, count: int, batch: int = BATCH) -> list[Member]:
    depth, width = network.split("-")
    shape = Architecture(
        family="wide_resnet", depth=int(depth), width=float(width), resolution=resolution
    )
    changes = {"flip": True, "crop": 4} if resolution > 8 else {"crop": 1}
    schedule = Schedule(epochs=30, batch_size=batch, **changes)  # type: ignore[arg-type]
    return [
        Member(architecture=shape, schedule=schedule, dataset="", seed=seed)
        for seed in range(count)
    ]


def finished(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def trainer(
    way: Way, states: Sequence[State], members: Sequence[Member], images: Images
) -> tuple[Callable[[], object], int]:
    """What trains STEPS steps of as many members as the way takes at once, and that number."""
    device = images.x_train.device.type
    if way == ALONE:
        state = strategies.copied(states[0], members[0])
        return lambda: loop.train_epoch(state, images, members[0], 0, device), 1
    group = members[: way.chunk]
    together = Lockstep(way, states[: way.chunk], group, images)
    together.run(states[: way.chunk], group, 0)
    return together.advance, way.chunk


def timed(run: Callable[[], object], device: str) -> float:
    finished(device)
    start = time.perf_counter()
    run()
    finished(device)
    return time.perf_counter() - start


def rates(
    found: Sequence[Way],
    states: Sequence[State],
    members: Sequence[Member],
    images: Images,
    turns: int,
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, str]]:
    """Turns of every way, images/s of it and of one after another, and why a way does not work.

    One way at a time takes turns with one after another: graphs of all would not fit the memory.
    """
    device, count = images.x_train.device.type, len(images.x_train)
    alone, _ = trainer(ALONE, states, members, images)
    by_way: dict[str, list[tuple[float, float]]] = {}
    dropped = strategies.unfit(states[0], images)
    for way in found:
        if way.kind in dropped and way != ALONE:
            continue
        try:
            run, together = trainer(way, states, members, images)
            timed(run, device)
            pairs = [(timed(run, device), timed(alone, device)) for _ in range(turns)]
        except Exception as error:
            dropped[way.name] = strategies.first_line(error)
            continue
        by_way[way.name] = [(together * count / own, count / base) for own, base in pairs]
        del run
        if device == "cuda":
            torch.cuda.empty_cache()
    return by_way, dropped


def middle(pairs: Sequence[tuple[float, float]]) -> float:
    """Median images/s of the way."""
    return statistics.median(own for own, _ in pairs)


def throughput(
    resolution: int, network: str, count: int, device: str, turns: int
) -> dict[str, Any]:
    images, members = pictures(resolution, device), members_of(network, resolution, count)
    states = [loop.fresh(member, images, device) for member in members]
    found = [ALONE, *strategies.candidates(device, count)]
    by_way, dropped = rates(found, states, members, images, turns)
    start = time.perf_counter()
    measured = strategies.measure(states, members, images, seconds=20.0)
    seconds = time.perf_counter() - start
    graph = by_way.get(replace(ALONE, graph=True).name)
    print(f"\nWRN-{network}, {resolution} x {resolution}, {count} members, n = {turns}")
    rows: dict[str, dict[str, Any]] = {}
    for name, pairs in sorted(by_way.items(), key=lambda item: -middle(item[1])):
        ratios = [own / base for own, base in pairs]
        ratio, over = statistics.median(ratios), middle(pairs) / middle(graph) if graph else None
        rows[name] = {"images_per_s": middle(pairs), "ratios": ratios, "over_graphs": over}
        print(
            f"  {name:30s} {middle(pairs):9.0f} images/s, {ratio:5.2f} times "
            f"[{min(ratios):.2f}, {max(ratios):.2f}]"
            + (f", {over:.2f} over graphs" if over else "")
        )
    for name, why in dropped.items():
        print(f"  {name:30s} does not work: {why}")
    chosen = statistics.median(rows[measured.way]["ratios"])
    print(f"  a search would choose: {measured.way} ({chosen:.2f} times), found in {seconds:.1f} s")
    goal = GOALS.get((network, count)) if device == "cuda" else None
    if goal:
        print(f"  goal {goal:g} times: {'reached' if chosen >= goal else 'not reached'}")
    return {
        "network": network,
        "resolution": resolution,
        "members": count,
        "n": turns,
        "ways": rows,
        "dropped": dropped,
        "choice": measured.way,
        "choice_ratio": chosen,
        "seconds_to_choose": seconds,
    }


def peak_of_matmul() -> float:
    """Operations per second of the fastest of ten products of 8192 x 8192 in bfloat16."""
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(12):
        finished("cuda")
        start = time.perf_counter()
        a @ b
        finished("cuda")
        times.append(time.perf_counter() - start)
    return float(2 * 8192**3 / min(times[2:]))


def utilisation(turns: int) -> list[dict[str, Any]]:
    """Of the GPU's peak, by WRN-28-10 in training: forward and twice that for backward."""
    name = torch.cuda.get_device_name()
    listed = next(
        (peak for key, peak in PEAKS.items() if all(k in name for k in key.split())), None
    )
    measured, rows = peak_of_matmul(), []
    print(
        f"\nWRN-28-10 of the peak of {name}: by matmul {measured / 1e12:.0f} T/s, data sheet "
        + (f"{listed / 1e12:.0f} T/s" if listed else "not known here")
    )
    for batch in (128, 256):
        members = members_of("28-10", 32, 2, batch)
        images = pictures(32, "cuda", 5, batch)
        states = [loop.fresh(member, images, "cuda") for member in members]
        macs = cost.count(members[0].architecture, 3, 10).macs
        both = [ALONE, *strategies.candidates("cuda", 1), Way(kind="fused", chunk=2, graph=True)]
        by_way, dropped = rates(both, states, members, images, turns)
        for way, pairs in by_way.items():
            values = [own for own, _ in pairs]
            operations = 2 * 3 * macs * statistics.median(values)
            shares = {"matmul": operations / measured}
            shares |= {"data sheet": operations / listed} if listed else {}
            said = ", ".join(f"{share:.1%} of {of}" for of, share in shares.items())
            print(
                f"  batch {batch}, {way}: {statistics.median(values):.0f} images/s "
                f"[{min(values):.0f}, {max(values):.0f}], n = {turns}: {said} (goal 30 %)"
            )
            rows.append({"batch": batch, "way": way, "images_per_s": values, "share": shares})
        for way, why in dropped.items():
            print(f"  batch {batch}, {way} does not work: {why}")
    return rows


@contextlib.contextmanager
def single_precision() -> Iterator[None]:
    """No bfloat16 and no TensorFloat-32 within."""
    with (
        mock.patch.object(loop, "mixed_precision", contextlib.nullcontext),
        mock.patch.object(lockstep, "mixed_precision", contextlib.nullcontext),
        torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
    ):
        yield


def equality(device: str, count: int = 4) -> list[dict[str, Any]]:
    """How far members end from those trained alone, after an epoch of digits (11 steps)."""
    source = Source(spec="digits", data_dir=Path("unused"))
    found = datasets.load(source)
    images = data.load(source, found.fingerprint, device)
    members = members_of("10-1", 8, count)
    members = [replace(m, schedule=replace(m.schedule, epochs=3, peak_lr=0.1)) for m in members]
    every = [w for w in strategies.candidates(device, count) if w.chunk in (1, count)]
    if device == "cpu":  # the code of the branches, without their graph
        every.append(Way(kind="branches", chunk=count, graph=False))
    rows = []
    print(f"\nmembers together and alone: WRN-10-1 on digits, {count} members, one epoch")
    for precision in ("single", "bfloat16") if device == "cuda" else ("single",):
        within = single_precision() if precision == "single" else contextlib.nullcontext()
        with within:
            alone = [loop.fresh(member, images, device) for member in members]
            for state, member in zip(alone, members, strict=True):
                loop.train_epoch(state, images, member, 0, device)
            for way in every:
                row: dict[str, Any] = {"precision": precision, "way": way.name}
                row |= _apart(way, alone, members, images, found.y_val)
                print(
                    f"  {precision}, {way.name}: logits differ by at most "
                    f"{row['logits']:.2g}, val accuracy by {row['accuracy']:.2%}"
                )
                rows.append(row)
    return rows


def _apart(
    way: Way,
    alone: Sequence[State],
    members: Sequence[Member],
    images: Images,
    labels: np.ndarray[Any, Any],
) -> dict[str, float]:
    device = images.x_train.device.type
    states = [loop.fresh(member, images, device) for member in members]
    for start in range(0, len(states), way.chunk):
        group = slice(start, start + way.chunk)
        together = Lockstep(way, states[group], members[group], images)
        together.run(states[group], members[group], 0)
        together.store(states[group])
    logits, accuracy = 0.0, 0.0
    for one, other in zip(alone, states, strict=True):
        a, b = (
            loop.predict(s.model, images.to_predict["val"], images, BATCH) for s in (one, other)
        )
        logits = max(logits, float(np.abs(a.astype(float) - b).max()))
        hits = [(found.argmax(axis=1) == labels).mean() for found in (a, b)]
        accuracy = max(accuracy, float(abs(hits[0] - hits[1])))
    return {"logits": logits, "accuracy": accuracy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two networks, fewer turns")
    parser.add_argument("--out", type=Path, help="JSON file for figures and conditions")
    parser.add_argument("--minutes", type=float, default=8.0, help="no new network after that")
    options = parser.parse_args()
    device, start = "cuda" if torch.cuda.is_available() else "cpu", time.perf_counter()
    turns = 3 if options.quick else 5
    result: dict[str, Any] = {
        "date": date.today().isoformat(),
        "device": describe_device(device),
        "torch": torch.__version__,
        "turns": turns,
    }
    print(
        f"{result['device']}, torch {torch.__version__}, batches of {BATCH}, {STEPS} steps a turn"
    )
    networks = ON_GPU if device == "cuda" else ON_CPU
    sizes = (8, 4, 2) if device == "cuda" else (4, 2)
    work = [(*network, size) for network in networks for size in sizes]
    with reproducible(device):
        result["equality"] = equality(device)
        if device == "cuda":
            result["utilisation"] = utilisation(turns)
        else:
            print("\nno CUDA here: no graphs, no bfloat16, no share of a peak (WRN-28-10)")
        result["throughput"] = []
        for resolution, network, count in work[: 4 if options.quick else None]:
            if time.perf_counter() - start > 60 * options.minutes:
                print(f"\nno time left for WRN-{network} with {count} members (--minutes)")
                continue
            result["throughput"].append(throughput(resolution, network, count, device, turns))
            if device == "cuda":
                torch.cuda.empty_cache()
    result["seconds"] = time.perf_counter() - start
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
