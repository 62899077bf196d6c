"""`ensearch run` against the search that a competent person writes by hand, minute by minute.

    python -m scripts.benchmarks.search --data npz:data/cifar10-30k.npz --limit-train 5000 \\
        --budget 2e7 --epochs 2 --minutes 10 --seeds 3 --work FOLDER
    python -m scripts.benchmarks.search --quick --work FOLDER       # digits, 30 s a side, one seed

Both sides train the same networks by the same schedule on the same pictures and see the same val
pictures; by_hand.py is the other side. They run in turns, never at once, each until
the clock ends it; a side and seed that is in FOLDER is not run again (--seed, --side: only those).

Hypervolume is the area between the best accuracy within a budget and chance, over log10 of the
budget from the cheapest configuration to the largest budget, in points: the mean height in accuracy
(`ensearch.fronts.hypervolume` has the formula). "As seen" takes the accuracies on val that each
side knew; the script's are single draws of which the luckiest win, ensearch's are averages over
ensembles of the same members. "On test" takes what val selected at every budget and scores the same
trained members on test, which no side has seen: luck in selection does not count there.
"""

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ensearch import datasets
from scripts.benchmarks.machine import machine
from scripts.benchmarks.options import add_data
from scripts.benchmarks.search import curves, report, sides
from scripts.benchmarks.search.sides import Seen, Task

# The schedule's augmentation: what --dataset cifar10 and digits do.
PICTURES = {"flip": True, "crop": 4}
SIDES = ("hand", "ensearch")
QUICK = {"data": "digits", "limit_train": None, "budget": 2e6, "epochs": 4, "minutes": 0.5}


def main() -> None:
    options = _parser().parse_args()
    if options.quick:
        vars(options).update(QUICK, seeds=1)
    options.work.mkdir(parents=True, exist_ok=True)
    _keep_conditions(options)
    for seed in options.seed if options.seed is not None else range(options.seeds):
        for side in options.side or SIDES:
            _run(side, _task(side, seed, options))
    results = [
        _result(side, seed, options)
        for seed in range(max(options.seeds, 1 + max(options.seed or [0])))
        for side in SIDES
        if (_task(side, seed, options).folder / "run.json").exists()
    ]
    report.report(results, _conditions(options), options.work)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_data(parser)
    parser.add_argument("--budget", type=float, default=2e7, help="multiply-adds of an ensemble")
    parser.add_argument("--epochs", type=int, default=2, help="length of the schedule")
    parser.add_argument("--minutes", type=float, default=10, help="time of each side and seed")
    parser.add_argument("--seeds", type=int, default=3, help="0, 1, ..., each run by both sides")
    parser.add_argument("--seed", type=int, nargs="+", help="run these only")
    parser.add_argument("--side", choices=SIDES, nargs="+", help="run this only")
    parser.add_argument("--quick", action="store_true", help="digits, 30 s a side, one seed")
    parser.add_argument("--work", type=Path, required=True, help="folder of runs and results")
    return parser


def _task(side: str, seed: int, options: argparse.Namespace) -> Task:
    spec = options.data
    if spec.startswith("npz:"):
        spec = f"npz:{Path(spec.removeprefix('npz:')).resolve()}"
    settings: dict[str, Any] = {
        "dataset": spec,
        "budget": str(options.budget),
        "epochs": options.epochs,
        "schedule": PICTURES if spec.startswith("npz:") else {},
    }
    if options.limit_train:
        settings["limit_train"] = options.limit_train
    return Task(
        settings=settings,
        seed=seed,
        folder=(options.work / f"{side}-{seed}").resolve(),
        data_dir=options.data_dir.resolve(),
        seconds=60 * options.minutes,
    )


def _conditions(options: argparse.Namespace) -> dict[str, Any]:
    task = _task("hand", 0, options)
    data, config = task.data(), task.config()
    return {
        "data": datasets.short_name(config.dataset),
        "images": {"train": len(data.y_train), "val": len(data.y_val), "test": len(data.y_test)},
        "shape": [data.resolution, data.channels, len(data.classes)],
        "budget": config.budget.amount,
        "schedule": {
            name: getattr(config.schedule, name) for name in config.schedule.__dataclass_fields__
        },
        "minutes": options.minutes,
        **machine(),
    }


def _keep_conditions(options: argparse.Namespace) -> None:
    """Refuse a folder whose runs were made under other conditions."""
    path, now = options.work / "conditions.json", _conditions(options)
    if path.exists() and json.loads(path.read_text()) != now:
        raise SystemExit(f"{path} holds runs under other conditions: name another --work.")
    path.write_text(json.dumps(now, indent=2) + "\n")


def _run(side: str, task: Task) -> None:
    record = task.folder / "run.json"
    if record.exists():
        return
    shutil.rmtree(task.folder, ignore_errors=True)  # of a run that was cut short
    task.folder.mkdir(parents=True)
    print(f"{side}, seed {task.seed}: {task.seconds:.0f} s", flush=True)
    if side == "ensearch":
        started = sides.run_ensearch(task)
    else:
        started = sides.run_by_hand(task, _workers(task))
    record.write_text(json.dumps({"started": started}) + "\n")


def _workers(task: Task) -> int:
    """Return how many workers of the DataLoader are best here; measured once, before the clock."""
    path = task.folder.parent / "loaders.json"
    if not path.exists():
        loaders = {n: sides.loader_seconds(task, n) for n in (0, 1, 2)}
        path.write_text(json.dumps(loaders) + "\n")
    seconds = json.loads(path.read_text())
    return int(min(seconds, key=seconds.__getitem__))


def _result(side: str, seed: int, options: argparse.Namespace) -> curves.Result:
    """Return what a run saw, and test accuracies of what val selected at a tenth and the end."""
    task = _task(side, seed, options)
    started = json.loads((task.folder / "run.json").read_text())["started"]
    if side == "ensearch":
        seen, parts = sides.seen_by_ensearch(task, started), []
    else:
        seen, parts = (sides.seen_by_hand(task, started, parts) for parts in (False, True))
    within = [row for row in seen if row.seconds <= task.seconds]
    cache = task.folder / "test.json"
    if not cache.exists():
        score = sides.test_by_ensearch if side == "ensearch" else sides.test_by_hand
        cache.write_text(json.dumps(_tested(task, within, score)) + "\n")
    return curves.Result(
        side=side,
        seed=seed,
        seen=within,
        parts=[row for row in parts if row.seconds <= task.seconds],
        tested={float(at): picks for at, picks in json.loads(cache.read_text()).items()},
    )


def _tested(
    task: Task, seen: Sequence[Seen], score: Callable[[Task, Sequence[Seen]], list[float]]
) -> dict[float, list[curves.Pick]]:
    """Return, by seconds, the picks that were the front on val by then."""
    tested = {}
    for at in (task.seconds / 10, task.seconds):
        selected = curves.front(seen, at)
        tests = score(task, selected)
        tested[at] = [
            (row.macs, row.accuracy, test, row.name)
            for row, test in zip(selected, tests, strict=True)
        ]
    return tested


if __name__ == "__main__":
    main()
