"""What the sides of scripts.benchmarks.search came to: hypervolume over time, table and figure."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from ensearch import cost
from ensearch.core import Architecture
from ensearch.fronts.hypervolume import hypervolume
from ensearch.units import format_count
from scripts.benchmarks.search.sides import Seen

COLOURS = {"hand": "#d55e00", "hand, parts": "#e69f00", "ensearch": "#0072b2"}
NAMES = {
    "hand": "by hand",
    "hand, parts": "by hand, parts of its ensembles counted too",
    "ensearch": "ensearch",
}
SHARES = (0.025, 0.05, 0.1, 0.2, 0.5, 1.0)  # of the time, at which the table looks
Pick = tuple[int, float, float, str]  # multiply-adds, accuracy on val and on test, name


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run of a side; `parts` is what it would have seen scoring its ensembles' parts too.

    `tested` maps seconds to the picks that were the front on val by then.
    """

    side: str
    seed: int
    seen: list[Seen]
    parts: list[Seen]
    tested: dict[float, list[Pick]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The axes of the hypervolume; see `low`."""

    low: float
    budget: float
    chance: float

    def points(self, macs: Sequence[float], accuracies: Sequence[float]) -> float:
        """Mean height over chance, in points, of the best accuracy within a budget."""
        area = hypervolume(macs, accuracies, self.budget, self.low, self.chance)
        return 100 * area / math.log10(self.budget / self.low)


def known(seen: Sequence[Seen], at: float) -> list[Seen]:
    """The latest of every name by then."""
    return list({one.name: one for one in seen if one.seconds <= at}.values())


def front(seen: Sequence[Seen], at: float) -> list[Seen]:
    """What val chooses at some budget: better than all that is cheaper, in order of cost."""
    chosen: list[Seen] = []
    for one in sorted(known(seen, at), key=lambda one: (one.macs, -one.accuracy)):
        if not chosen or one.accuracy > chosen[-1].accuracy:
            chosen.append(one)
    return chosen


def on_test(scale: Scale, picks: Sequence[Pick]) -> float:
    """As `Scale.points`, of the test accuracy of what val chose: it may fall along the budget."""
    edges = [math.log10(macs) for macs, *_ in picks] + [math.log10(scale.budget)]
    area = sum(
        (test - scale.chance) * (edges[k + 1] - edges[k]) for k, (_, _, test, _) in enumerate(picks)
    )
    return 100 * area / math.log10(scale.budget / scale.low)


def curve(scale: Scale, seen: Sequence[Seen]) -> list[tuple[float, float]]:
    """(seconds, hypervolume) after every evaluation."""
    times = sorted({one.seconds for one in seen})
    return [(at, _volume(scale, seen, at)) for at in times]


def _volume(scale: Scale, seen: Sequence[Seen], at: float) -> float:
    now = known(seen, at)
    return scale.points([one.macs for one in now], [one.accuracy for one in now])


def passes(scale: Scale, seen: Sequence[Seen], level: float) -> float | None:
    """Seconds from which the hypervolume stays at `level` or above; None if it does not."""
    since = None
    for at, volume in curve(scale, seen):
        if volume < level:
            since = None
        elif since is None:
            since = at
    return since


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
    """From the cheapest network that either side may try, WRN-10-0.25."""
    side, channels, classes = conditions["shape"]
    cheapest = Architecture(family="wide_resnet", width=0.25, depth=10, resolution=side)
    low = cost.count(cheapest, channels, classes).macs
    return Scale(low=low, budget=conditions["budget"], chance=1 / classes)


def _series(results: Sequence[Result]) -> dict[str, dict[int, list[Seen]]]:
    found: dict[str, dict[int, list[Seen]]] = {"hand": {}, "hand, parts": {}, "ensearch": {}}
    for result in results:
        found[result.side][result.seed] = result.seen
        if result.side == "hand":
            found["hand, parts"][result.seed] = result.parts
    return {name: runs for name, runs in found.items() if runs}


def _head(conditions: dict[str, Any], scale: Scale, loaders: Path) -> list[str]:
    images, schedule = conditions["images"], conditions["schedule"]
    tried = json.loads(loaders.read_text()) if loaders.exists() else {}
    return [
        f"{conditions['data']}: {images['train']} train, {images['val']} val, {images['test']} "
        f"test pictures; budget {format_count(scale.budget)}, {schedule['epochs']} epochs, "
        f"batches of {schedule['batch_size']}, {conditions['minutes']:g} minutes a side; "
        f"{conditions['device']}, {conditions['cores']} cores, PyTorch {conditions['torch']}.",
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
        firsts = [min((one.seconds for one in seen), default=math.inf) for seen in runs.values()]
        counts = [float(len(known(seen, seconds))) for seen in runs.values()]
        cells = [
            _range([_volume(scale, seen, share * seconds) for seen in runs.values()], 2)
            for share in SHARES
        ]
        lines.append(
            f"| {NAMES[name]} | {len(runs)} | {_range(firsts, 1)} | {_range(counts, 0)} | "
            + " | ".join(cells)
            + " |"
        )
    return lines


def _range(values: Sequence[float], digits: int) -> str:
    middle = f"{statistics.median(values):.{digits}f}"
    if len(values) < 2:
        return middle
    return f"{middle} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def _passing(scale: Scale, results: Sequence[Result], seconds: float) -> list[str]:
    """When ensearch is past what the script has at the end, by seed."""
    lines = [""]
    for hand in (result for result in results if result.side == "hand"):
        for ours in results:
            if ours.side != "ensearch" or ours.seed != hand.seed:
                continue
            for what, theirs in (("", hand.seen), (", parts counted", hand.parts)):
                level = _volume(scale, theirs, seconds)
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
                _range([_best_within(seen, share * seconds, b) for seen in runs.values()], 2)
                for b in budgets
            ]
            lines.append(f"| {NAMES[name]} | {share * seconds:.0f} | {' | '.join(cells)} |")
    return lines


def _best_within(seen: Sequence[Seen], at: float, budget: float) -> float:
    inside = [one.accuracy for one in known(seen, at) if one.macs <= budget]
    return 100 * max(inside, default=0.0)


def _tests(scale: Scale, results: Sequence[Result]) -> list[str]:
    lines = ["", "| chosen on val | after, s | hypervolume on val | on test |", "|---|---|---|---|"]
    for side in ("hand", "ensearch"):
        runs = [result for result in results if result.side == side]
        for at in sorted({at for result in runs for at in result.tested}):
            picks = [result.tested[at] for result in runs]
            val = [scale.points([p[0] for p in one], [p[1] for p in one]) for one in picks]
            test = [on_test(scale, one) for one in picks]
            lines.append(f"| {NAMES[side]} | {at:.0f} | {_range(val, 2)} | {_range(test, 2)} |")
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
            points = [*curve(scale, seen), (seconds, _volume(scale, seen, seconds))]
            look = {"color": COLOURS[name], "label": NAMES[name] if number == 0 else None}
            left.step(*zip(*points, strict=True), where="post", linewidth=1.3, **look)
            chosen = front(seen, seconds)
            if not chosen:
                continue
            macs = [*(one.macs for one in chosen), scale.budget]
            heights = [100 * one.accuracy for one in chosen]
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
