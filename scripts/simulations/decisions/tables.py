"""Outcomes of many replays -> the lines of Markdown tables."""

from collections.abc import Callable, Sequence

import numpy as np

from ensearch.core import Floats
from ensearch.fronts import STRONG
from scripts.simulations.decisions.outcomes import Outcome, RowOutcome
from scripts.simulations.verdicts.grading import is_wrong

COLUMNS = (
    "strategy",
    "method",
    "trials",
    "cost",
    "matched",
    *STRONG,
    "weak",
    "undecided",
    "decided, weak half",
    "decided, weak full",
    "wrong",
    "clearly wrong",
    "wrong, held out",
    "wrong by the table",
    "replays with a wrong row",
    "loss",
    "loss less today's rule",
    "loss less today's rule and search",
    "half width at the top",
    "half width",
)
COMPARED = (
    "strategy",
    "trials",
    "cost",
    "matched",
    "top matched",
    "half width at the top",
    "half width",
    "loss",
    "regret",
    "hypervolume",
)
HEADER = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


COMPARED_HEADER = f"| {' | '.join(COMPARED)} |\n{'|---' * len(COMPARED)}|"
LEVEL = 1.96  # standard errors of an interval on either side


def line(
    strategy: str, method: str, outcomes: Sequence[Outcome], unit: float, margin: float
) -> str:
    """Return the line of one strategy and method; `unit` are multiply-adds of today's search."""

    def wrong(row: RowOutcome) -> bool:
        return is_wrong(row.verdict, row.advantage, margin)

    def clearly(row: RowOutcome) -> bool:
        return all(is_wrong(row.verdict, row.advantage + k * row.error, margin) for k in (-2, 0, 2))

    cells = [
        strategy,
        method,
        f"{np.mean([o.trials for o in outcomes]):.0f}",
        f"{np.mean([o.spent for o in outcomes]) / unit:.2f}",
        percent(outcomes, lambda row: row.matched),
        *(percent(outcomes, _strongly(said)) for said in STRONG),
        percent(outcomes, lambda row: row.weak),
        percent(outcomes, lambda row: not row.strong and not row.weak),
        percent(outcomes, lambda row: row.strong + row.weak / 2, error=True),
        percent(outcomes, lambda row: row.strong or row.weak, error=True),
        percent(outcomes, wrong, error=True),
        percent(outcomes, clearly),
        percent(outcomes, lambda row: is_wrong(row.verdict, row.held_out, margin)),
        percent(outcomes, lambda row: is_wrong(row.verdict, row.of_table, margin)),
        f"{100 * np.mean([any(map(wrong, o.of_all_looks)) for o in outcomes]):.0f}",
        points(outcomes, lambda row: row.loss),
        points(outcomes, lambda row: row.loss - row.loss_today),
        points(outcomes, lambda row: row.loss - row.loss_search),
        points(outcomes, lambda row: row.half, top=True),
        points(outcomes, lambda row: row.half),
    ]
    return f"| {' | '.join(cells)} |"


def _strongly(verdict: str) -> Callable[[RowOutcome], bool]:
    return lambda row: row.strong and row.verdict == verdict


def percent(
    outcomes: Sequence[Outcome], of: Callable[[RowOutcome], float], error: bool = False
) -> str:
    """Return the share of the rows in percent, with its standard error over replays."""
    shares = 100 * per_replay(outcomes, of)
    mean = f"{shares.mean():.1f}"
    return f"{mean} ± {standard_error(shares):.1f}" if error else mean


def points(
    outcomes: Sequence[Outcome], of: Callable[[RowOutcome], float], top: bool = False
) -> str:
    """Return a mean in points with its standard error over replays, of the top budget if `top`."""
    values = 100 * per_replay(outcomes, of, top)
    values = values[np.isfinite(values)]
    return f"{values.mean():.2f} ± {standard_error(values):.2f}" if len(values) else "-"


def per_replay(
    outcomes: Sequence[Outcome], of: Callable[[RowOutcome], float], top: bool = False
) -> Floats:
    """Return for each replay the mean over its rows, of those that are not NaN."""
    means = []
    for outcome in outcomes:
        values = np.array([of(row) for row in outcome.rows[-1 if top else 0 :]], np.float64)
        values = values[np.isfinite(values)]
        means.append(values.mean() if len(values) else np.nan)
    return np.array(means)


def standard_error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def truth_line(outcomes: Sequence[Outcome]) -> str:
    """Return in words how good the truth is, and how much of a loss nobody can avoid."""
    rows = [row for outcome in outcomes for row in outcome.rows]
    errors, of_images = [row.error for row in rows], [row.image_error for row in rows]
    return (
        f"The true advantage has a standard error of {100 * np.nanmean(of_images):.2f} points from "
        f"its images, of {100 * np.nanmean(errors):.2f} from images and the table's few members. "
        "Who had measured the whole table on the seen half would lose "
        f"{points(outcomes, lambda row: row.loss_informed)} points."
    )


def compared(
    strategy: str, outcomes: Sequence[Outcome], base: Sequence[Outcome], unit: float
) -> str:
    """Return the line of a strategy with what differs from `base`, replay by replay.

    Widths are compared at budgets that both have matched. The loss is that of today's rule.
    """
    same = outcomes is base
    pairs = list(zip(outcomes, base, strict=True))
    halves = [
        np.array([[a.half, b.half] for a, b in zip(one.rows, other.rows, strict=True)])
        for one, other in pairs
    ]
    losses = per_replay(outcomes, lambda row: row.loss_today)
    cells = [
        strategy,
        f"{np.mean([o.trials for o in outcomes]):.0f}",
        f"{np.mean([o.spent for o in outcomes]) / unit:.2f}",
        percent(outcomes, lambda row: row.matched),
        f"{100 * np.mean([o.rows[-1].matched for o in outcomes]):.0f}",
        _versus(
            per_replay(outcomes, lambda row: row.half, top=True),
            None if same else np.array([h[-1, 0] - h[-1, 1] for h in halves]),
        ),
        _versus(
            per_replay(outcomes, lambda row: row.half),
            None if same else np.array([_mean(h[:, 0] - h[:, 1]) for h in halves]),
        ),
        _versus(losses, None if same else losses - per_replay(base, lambda row: row.loss_today)),
        _versus(
            np.array([o.regret for o in outcomes]),
            None if same else np.array([a.regret - b.regret for a, b in pairs]),
        ),
        _versus(
            np.array([o.hypervolume for o in outcomes]),
            None if same else np.array([a.hypervolume - b.hypervolume for a, b in pairs]),
        ),
    ]
    return f"| {' | '.join(cells)} |"


def _mean(values: Floats) -> float:
    """Return the mean of the finite values, NaN of none."""
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def _versus(values: Floats, differences: Floats | None) -> str:
    """Return a mean in hundredths, and the mean difference with its 95 % interval over replays."""
    if not np.isfinite(values).any():
        return "-"
    mean = f"{100 * _mean(values):.2f}"
    if differences is None:
        return mean
    known = 100 * differences[np.isfinite(differences)]
    if len(known) < 2:
        return mean
    middle, half = known.mean(), LEVEL * standard_error(known)
    return f"{mean} ({middle:+.2f} [{middle - half:+.2f}, {middle + half:+.2f}])"
