"""What the two sides of the benchmark came to: tables and a figure."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from ensearch import cost
from ensearch.core import Architecture
from ensearch.units import format_count
from scripts.benchmarks.search.curves import (
    Result,
    Scale,
    curve,
    front,
    known,
    on_test,
    passes,
    volume,
)
from scripts.benchmarks.search.sides import Seen
from scripts.benchmarks.spread import median_and_range as spread

COLOURS = {"hand": "#d55e00", "hand, parts": "#e69f00", "ensearch": "#0072b2"}
NAMES = {
    "hand": "by hand",
    "hand, parts": "by hand, parts of its ensembles counted too",
    "ensearch": "ensearch",
}
SHARES = (0.025, 0.05, 0.1, 0.2, 0.5, 1.0)  # of the time, of which the table has a column


def report(results: Sequence[Result], conditions: dict[str, Any], folder: Path) -> None:
    """Print the tables; write search.json and search.png."""
    scale = _scale(conditions)
    seconds = 60 * conditions["minutes"]
    series = _series(results)
    lines = [*_head(conditions, scale, folder / "loaders.json"), *_volumes(scale, series, seconds)]
    lines += _passing(scale, results, seconds) + _best(series, scale, seconds)
    lines += _tests(scale, results)
    print("\n".join(lines))
    (folder / "search.md").write_text("\n".join(lines) + "\n")
    content = {
        "conditions": conditions,
        "hypervolume": {
            name: {seed: curve(scale, seen) for seed, seen in runs.items()}
            for name, runs in series.items()
        },
        "tested": {f"{r.side}-{r.seed}": r.tested for r in results},
    }
    (folder / "search.json").write_text(json.dumps(content, indent=1) + "\n")
    _draw(scale, series, conditions, folder / "search.png")


def _scale(conditions: dict[str, Any]) -> Scale:
    """Return the scale from the cheapest network that either side may try, WRN-10-0.25."""
    side, channels, classes = conditions["shape"]
    cheapest = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=side)
    low = cost.count(cheapest, channels, classes).macs
    return Scale(low=low, budget=conditions["budget"], chance=1 / classes)


def _series(results: Sequence[Result]) -> dict[str, dict[int, list[Seen]]]:
    series: dict[str, dict[int, list[Seen]]] = {"hand": {}, "hand, parts": {}, "ensearch": {}}
    for result in results:
        series[result.side][result.seed] = result.seen
        if result.side == "hand":
            series["hand, parts"][result.seed] = result.parts
    return {name: runs for name, runs in series.items() if runs}


def _head(conditions: dict[str, Any], scale: Scale, loaders: Path) -> list[str]:
    images, schedule = conditions["images"], conditions["schedule"]
    tried = json.loads(loaders.read_text()) if loaders.exists() else {}
    return [
        f"{conditions['data']}: {images['train']} train, {images['val']} val, {images['test']} "
        f"test pictures; budget {format_count(scale.budget)}, {schedule['epochs']} epochs, "
        f"batches of {schedule['batch_size']}, {conditions['minutes']:g} minutes a side; "
        f"{conditions['cpu']}, {conditions['cores']} cores, PyTorch {conditions['torch']}.",
        f"Hypervolume from {format_count(scale.low)} to {format_count(scale.budget)} over "
        f"chance, {scale.chance:.0%}, in points. Medians [least, most] over seeds.",
        "Processes in the DataLoader by hand: the best for one small member of "
        f"{', '.join(f'{count} ({seconds:.1f} s)' for count, seconds in tried.items())}.",
    ]


def _volumes(scale: Scale, series: dict[str, dict[int, list[Seen]]], seconds: float) -> list[str]:
    lines = ["", "| hypervolume on val, as seen | n | first evaluation, s | evaluations | "]
    lines[1] += " | ".join(f"{share * seconds:.0f} s" for share in SHARES) + " |"
    lines.append("|---|---|---|---|" + "---|" * len(SHARES))
    for name, runs in series.items():
        firsts = [min((row.seconds for row in seen), default=math.inf) for seen in runs.values()]
        counts = [float(len(known(seen, seconds))) for seen in runs.values()]
        cells = [
            spread([volume(scale, seen, share * seconds) for seen in runs.values()], 2)
            for share in SHARES
        ]
        lines.append(
            f"| {NAMES[name]} | {len(runs)} | {spread(firsts, 1)} | {spread(counts, 0)} | "
            + " | ".join(cells)
            + " |"
        )
    return lines


def _passing(scale: Scale, results: Sequence[Result], seconds: float) -> list[str]:
    """Return when ensearch is past what the script has at the end, by seed."""
    lines = [""]
    for hand in (result for result in results if result.side == "hand"):
        for ours in results:
            if ours.side != "ensearch" or ours.seed != hand.seed:
                continue
            for what, theirs in (("", hand.seen), (", parts counted", hand.parts)):
                level = volume(scale, theirs, seconds)
                since = passes(scale, ours.seen, level)
                when = "never" if since is None else f"after {since:.0f} s"
                lines.append(
                    f"- Seed {hand.seed}: ensearch is past the script's {seconds:.0f}-second "
                    f"hypervolume{what} of {level:.2f} {when}."
                )
    return lines


def _best(series: dict[str, dict[int, list[Seen]]], scale: Scale, seconds: float) -> list[str]:
    budgets = [scale.budget / 2**k for k in (3, 2, 1, 0)]
    names = " | ".join(format_count(budget) for budget in budgets)
    lines = ["", f"| best val accuracy within, as seen, % | after, s | {names} |"]
    lines.append("|---|---|" + "---|" * len(budgets))
    for name, runs in series.items():
        for share in (0.1, 1.0):
            cells = [
                spread([_best_within(seen, share * seconds, b) for seen in runs.values()], 2)
                for b in budgets
            ]
            lines.append(f"| {NAMES[name]} | {share * seconds:.0f} | {' | '.join(cells)} |")
    return lines


def _best_within(seen: Sequence[Seen], at: float, budget: float) -> float:
    inside = [row.accuracy for row in known(seen, at) if row.macs <= budget]
    return 100 * max(inside, default=0.0)


def _tests(scale: Scale, results: Sequence[Result]) -> list[str]:
    lines = [
        "",
        "| selected on val | after, s | hypervolume on val | on test |",
        "|---|---|---|---|",
    ]
    for side in ("hand", "ensearch"):
        runs = [result for result in results if result.side == side]
        for at in sorted({at for result in runs for at in result.tested}):
            picks = [result.tested[at] for result in runs]
            val = [scale.points([p[0] for p in run], [p[1] for p in run]) for run in picks]
            test = [on_test(scale, run) for run in picks]
            lines.append(f"| {NAMES[side]} | {at:.0f} | {spread(val, 2)} | {spread(test, 2)} |")
    return lines


def _draw(
    scale: Scale,
    series: dict[str, dict[int, list[Seen]]],
    conditions: dict[str, Any],
    path: Path,
) -> None:
    seconds = 60 * conditions["minutes"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for name, runs in series.items():
        for number, seen in enumerate(runs.values()):
            points = [*curve(scale, seen), (seconds, volume(scale, seen, seconds))]
            look = {"color": COLOURS[name], "label": NAMES[name] if number == 0 else None}
            left.step(*zip(*points, strict=True), where="post", linewidth=1.3, **look)
            selected = front(seen, seconds)
            if not selected:
                continue
            macs = [*(row.macs for row in selected), scale.budget]
            heights = [100 * row.accuracy for row in selected]
            right.step(macs, [*heights, *heights[-1:]], where="post", linewidth=1.3, **look)
    left.set(xlabel="seconds since the command", ylabel="hypervolume on val over chance, points")
    left.set_xlim(0, seconds)
    right.set(xlabel="FLOPs (multiply-adds) per example", ylabel="best val accuracy as seen, %")
    right.set_xscale("log")
    left.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"{conditions['data']}, {conditions['images']['train']} train pictures, "
        f"{conditions['schedule']['epochs']} epochs, {conditions['cores']} cores"
    )
    figure.savefig(path, dpi=150)
    plt.close(figure)
