"""The tables of the README, printed from the traces of many seeds."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ensearch.core import Floats

SPENT, LOW, CHANCE, REGRET, CROSSOVER = range(5)  # columns of a trace, see trace.replay
MOMENTS = (1, 2, 4, 8, 16, 32, 64, 128)
# Column and level of the hypervolume that a strategy shall reach.
GOALS = {
    "99 %": (LOW, 0.99),
    "97 %": (LOW, 0.97),
    "95 %": (LOW, 0.95),
    "99 % over chance": (CHANCE, 0.99),
}


def at(trace: Floats, spent: float) -> Floats:
    """Return the last row at which no more than `spent` was spent; NaN before the first."""
    k = int(np.searchsorted(trace[:, SPENT], spent * (1 + 1e-9), side="right"))
    return trace[k - 1] if k else np.full(trace.shape[1], np.nan)


def reached(trace: Floats, column: int, level: float, keep: bool = False) -> float:
    """Return what was spent when the column first was at `level`; infinite if it never was.

    With `keep`: from when on it stayed there.
    """
    good = trace[:, column] >= level - 1e-12
    if keep:
        bad = np.flatnonzero(~good)
        k = int(bad[-1]) + 1 if len(bad) else 0
    else:
        k = int(good.argmax()) if good.any() else len(good)
    return float(trace[k, SPENT]) if k < len(good) else math.inf


def ratio(
    slow: Sequence[float], fast: Sequence[float], end: float, draws: int = 2000
) -> tuple[float, float, float]:
    """Return the ratio of medians with its 95 % bootstrap interval over seeds.

    Runs that never get there count as `end`: if the slow ones are among them the ratio is a lower
    bound, if the fast ones are, an upper one.
    """
    a, b = np.minimum(slow, end), np.minimum(fast, end)
    rng = np.random.default_rng(0)
    above, below = (np.median(rng.choice(x, (draws, len(x))), axis=1) for x in (a, b))
    low, high = np.quantile(above / below, [0.025, 0.975])
    return float(np.median(a) / np.median(b)), float(low), float(high)


def print_tables(traces: Mapping[str, Sequence[Floats]], horizon: float) -> None:
    _print_course("hypervolume, % of the table's best", traces, LOW, 100)
    _print_course("regret, points of accuracy", traces, REGRET, 100)
    _print_course("crossover error, octaves (share without one)", traces, CROSSOVER, 1)
    _print_goals(traces)
    for rival in (name for name in traces if name.startswith("by hand, TPE")):
        _print_ratios(traces, rival, horizon)


def _print_course(
    title: str, traces: Mapping[str, Sequence[Floats]], column: int, scale: float
) -> None:
    """Print medians over seeds, and half the distance of the quartiles."""
    print(f"\n{title}\n")
    print("| strategy | " + " | ".join(map(str, MOMENTS)) + " |")
    print("|---|" + "---|" * len(MOMENTS))
    for name, runs in traces.items():
        cells = []
        for moment in MOMENTS:
            values = np.array([at(trace, moment)[column] for trace in runs]) * scale
            seen = values[np.isfinite(values)]
            if not len(seen):
                cells.append("-")
                continue
            low, middle, high = np.quantile(seen, [0.25, 0.5, 0.75])
            cell = f"{middle:.{1 if column == LOW else 2}f} ± {(high - low) / 2:.1f}"
            if column == CROSSOVER:
                cell = f"{middle:.2f} ({1 - len(seen) / len(values):.0%})"
            cells.append(cell)
        print(f"| {name} | " + " | ".join(cells) + " |")


def _print_goals(traces: Mapping[str, Sequence[Floats]]) -> None:
    """Print medians over seeds of what was spent; runs that never get there count as infinite."""
    print("\nspent when first at a goal / from when on it stays there (runs that get there)\n")
    print("| strategy | " + " | ".join(GOALS) + " |")
    print("|---|" + "---|" * len(GOALS))
    for name, runs in traces.items():
        cells = []
        for column, level in GOALS.values():
            first, stays = (
                [reached(t, column, level, keep) for t in runs] for keep in (False, True)
            )
            cells.append(f"{_spent(first)} / {_spent(stays)} ({sum(map(math.isfinite, first))})")
        print(f"| {name} | " + " | ".join(cells) + " |")


def _spent(times: Sequence[float]) -> str:
    middle = float(np.median(times))
    return f"{middle:.1f}" if math.isfinite(middle) else "never"


def _print_ratios(traces: Mapping[str, Sequence[Floats]], rival: str, horizon: float) -> None:
    print(f"\nspent by {rival!r} over spent by each strategy (95 % interval over seeds)\n")
    columns = [(g, False) for g in GOALS] + [(next(iter(GOALS)), True)]
    titles = [f"{goal}, stays" if keep else goal for goal, keep in columns]
    print("| strategy | " + " | ".join(titles) + " |")
    print("|---|" + "---|" * len(columns))
    for name, runs in traces.items():
        if name.startswith("by hand"):
            continue
        cells = []
        for goal, keep in columns:
            slow, fast = (
                [reached(trace, *GOALS[goal], keep) for trace in group]
                for group in (traces[rival], runs)
            )
            if not math.isfinite(np.median(fast)):
                cells.append("-")
                continue
            middle, low, high = ratio(slow, fast, horizon)
            sign = "≥ " if not math.isfinite(np.median(slow)) else ""
            cells.append(f"{sign}{middle:.1f} [{low:.1f}, {high:.1f}]")
        print(f"| {name} | " + " | ".join(cells) + " |")
