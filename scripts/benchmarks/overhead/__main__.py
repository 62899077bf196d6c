"""What everything around training costs: the verbs, a study's driver, its growth and its memory.

    python -m scripts.benchmarks.overhead                       # 15 minutes on 2 cores
    python -m scripts.benchmarks.overhead --quick --parts verbs
    python -m scripts.benchmarks.overhead --parts shares --data npz:cifar10.npz --out overhead.json

Parts: `verbs` times `--help`, `status`, `report` and a resume in fresh processes on a large
storage; `shares` trains a real study and says where its wall time goes; `trials`, `members` and
`images` draw how the driver's time grows, without training, beside bare Optuna; `memory` follows a
long search. `shares` needs real pictures (--data) and runs on handwritten digits besides.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ensearch.study import config
from ensearch.study.options import RunOptions
from scripts.benchmarks.machine import machine
from scripts.benchmarks.overhead import growth, shares, verbs

PACKAGES = ("ensearch", "optuna", "numpy", "sqlalchemy")


def main() -> None:
    options = _parser().parse_args()
    unknown = [part for part in options.parts.split(",") if part not in PARTS]
    if unknown:
        raise SystemExit(f"unknown parts {', '.join(unknown)}: there are {', '.join(PARTS)}.")
    figures: dict[str, Any] = {
        "conditions": {"date": date.today().isoformat(), **machine(*PACKAGES)}
    }
    print(figures["conditions"])
    for part in options.parts.split(","):
        print(f"\n== {part}")
        figures[part] = PARTS[part](options)
        if options.out:
            options.out.write_text(json.dumps(figures, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--parts", default=",".join(PARTS), help="which, with commas between (default: all)"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--data", help="real pictures for `shares`: cifar10, or npz:PATH")
    parser.add_argument(
        "--repeats", type=int, default=5, help="measurements of each verb and search"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the storage of `verbs`, used again")
    parser.add_argument("--trials", type=int, default=800, help="trials of the part `trials`")
    parser.add_argument("--samplers", default="random,tpe", help="samplers of the part `trials`")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="worker processes of `shares`"
    )
    parser.add_argument("--out", type=Path, help="write the figures and their conditions as JSON")
    return parser


def _verbs(options: argparse.Namespace) -> dict[str, Any]:
    images, studies, trials = (5_000, 2, 30) if options.quick else (50_000, 10, 213)
    with TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        if not (folder / verbs.HELD).exists():
            folder.mkdir(parents=True, exist_ok=True)
            verbs.build(folder, images, studies, trials)
        held = json.loads((folder / verbs.HELD).read_text())
        print(", ".join(f"{what} {count:,.0f}" for what, count in held.items()))
        rows = verbs.time_verbs(folder, options.repeats)
    table(rows)
    return {"storage": held, "verbs": rows}


def _shares(options: argparse.Namespace) -> list[dict[str, Any]]:
    trials = 3 if options.quick else 12
    digits = RunOptions(study="digits", dataset="digits", budget=2e6, epochs=1)
    asked = [config.resolve(digits)]
    if options.data:
        # A ninth of the pictures of CIFAR-10's train: 4 of the 10 epochs of its short schedule.
        pictures = RunOptions(
            study="pictures", dataset=options.data, budget=1.6e7, epochs=4, limit_train=5_000
        )
        asked.append(config.resolve(pictures))
    else:
        print("no --data: only handwritten digits, whose training takes less than CIFAR's")
    rows = [shares.of_study(settings, trials, options.workers) for settings in asked]
    for row in rows:
        print(", ".join(f"{what} {value}" for what, value in row.items() if what != "shares"))
    table([{"study": row["study"], **row["shares"]} for row in rows])
    return rows


def _trials(options: argparse.Namespace) -> dict[str, Any]:
    most = min(50, options.trials) if options.quick else options.trials
    marks = [most // 2**k for k in reversed(range(6)) if most // 2**k >= 10]
    result = {}
    for sampler in options.samplers.split(","):
        rows = growth.over_trials(marks[-1], sampler, images=10_000)
        bare = growth.bare_optuna(marks[-1], sampler)
        told = {int(row["trials"]): row for row in rows}
        picked = [
            {"sampler": sampler, **told[n], "bare Optuna": bare[n - 1]} for n in marks if n in told
        ]
        table(picked)
        x = [row["trials"] for row in picked]
        fits = {
            what: growth.line(x, [row[what] for row in picked])
            for what in ("seconds", "proposing", "scoring", "storing", "bare Optuna")
        }
        table([{"sampler": sampler, "of": what, **fit} for what, fit in fits.items()])
        result[sampler] = {"rows": picked, "fits": fits}
    return result


def _members(options: argparse.Namespace) -> dict[str, Any]:
    most = (1, 2, 4) if options.quick else (1, 2, 4, 8, 16)
    rows = growth.over_members(most, 10_000, options.repeats)
    result = _lines(rows, "members")
    # Of each size at most 20 ensembles are averaged: that many for each member of large pools.
    scored = growth.line([row["ensembles"] for row in rows], [row["scoring"] for row in rows])
    table([{"against": "ensembles", "of": "scoring", **scored}])
    return result | {"scoring against ensembles": scored}


def _images(options: argparse.Namespace) -> dict[str, Any]:
    counts = (500, 1_000) if options.quick else (500, 1_000, 2_000, 5_000, 10_000)
    return _lines(growth.over_images(counts, options.repeats), "images")


def _lines(rows: Sequence[Mapping[str, float]], against: str) -> dict[str, Any]:
    table(rows)
    x = [row[against] for row in rows]
    parts = ("seconds", "scoring", "storing")
    fits = {part: growth.line(x, [row[part] for row in rows]) for part in parts}
    table([{"against": against, "of": part, **fit} for part, fit in fits.items()])
    return {"rows": rows, "fits": fits}


def _memory(options: argparse.Namespace) -> dict[str, Any]:
    if not growth.memory():
        print("this system has no /proc: memory cannot be read")
        return {}
    trials, members = (60, 10) if options.quick else (1_000, 60)
    without = growth.over_trials(trials, "random", images=10_000)
    trained = growth.over_trained(members)
    return {
        "without training": _rise(without, "trials", "MiB"),
        "digits, the worker": _rise(trained, "members", "worker MiB"),
        "digits, the driver": _rise(trained, "members", "MiB"),
    }


def _rise(rows: Sequence[Mapping[str, float]], against: str, what: str) -> dict[str, Any]:
    """Print and return ten rows, and what is added after the first fifth, as caches fill in it."""
    step = max(1, len(rows) // 10)
    picked = [{against: row[against], what: row[what]} for row in rows[step - 1 :: step]]
    table(picked)
    warm = rows[len(rows) // 5 :]
    slope = growth.line([row[against] for row in warm], [row[what] for row in warm])["slope"]
    print(f"after the first fifth: {1024 * slope:.1f} KiB for each of the {against}")
    return {"rows": picked, "KiB for each": 1024 * slope}


def table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows in columns named as the first row's keys."""
    cells = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(rows[0]))]
    for row in cells:
        print("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)))


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 0.1 else f"{value:,.{3 if abs(value) < 100 else 0}f}"
    if isinstance(value, list):
        return " ".join(value) or "-"
    return "" if value is None else str(value)


PARTS = {
    "verbs": _verbs,
    "shares": _shares,
    "trials": _trials,
    "members": _members,
    "images": _images,
    "memory": _memory,
}


if __name__ == "__main__":
    main()
