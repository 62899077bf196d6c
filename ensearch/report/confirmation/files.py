"""A confirmation -> confirm.csv, confirm.json and confirm.png; confirm-2.csv of the second."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ensearch.confirmation.distillation import Distilled
from ensearch.confirmation.plan import Finalist
from ensearch.core import Evaluation
from ensearch.fronts import Correlation, Ranks
from ensearch.report.confirmation import text
from ensearch.report.confirmation.findings import ConfirmedFindings
from ensearch.report.study import figure, figure_data, files
from ensearch.store import UseOfTest


def names(number: int) -> tuple[str, str, str]:
    """The names of the CSV, the JSON and the figure of the plan of this number."""
    name = "confirm" if number == 1 else f"confirm-{number}"
    return f"{name}.csv", f"{name}.json", f"{name}.png"


def write(confirmed: ConfirmedFindings, folder: Path) -> list[Path]:
    """Write all three into `folder`, each whole or not at all; returns their paths.

    A later plan has files of its own: its numbers are not those of the first use of test.
    Costs are multiply-adds whatever unit the study's tables use. The CSV holds evaluations on
    test. StorageError if the folder cannot be written.
    """
    table, content, picture = (folder / name for name in names(confirmed.plan.number))
    return [
        files.write_file(table, files.csv_of(confirmed.results).encode()),
        files.write_file(content, files.json_bytes(summary(confirmed))),
        figure.draw_png(figure_data.compute(confirmed.results), picture),
    ]


def summary(confirmed: ConfirmedFindings) -> dict[str, Any]:
    """What confirm.json holds: plain data without NaN or infinity.

    Costs are in multiply-adds, budgets in the unit that their names say.
    """
    plan, shift = confirmed.plan, confirmed.shift
    search = files.summary(confirmed.search)
    return files.summary(confirmed.results) | {
        "sentence": text.headline(confirmed),
        "remarks": text.paragraphs(confirmed),
        "warnings": text.warnings(confirmed),
        "openings": [{"plan": use.plan, "opened": _time(use)} for use in confirmed.uses_of_test],
        "openings_elsewhere": [_time(use) for use in confirmed.other_uses_of_test],
        "opening": confirmed.use_number,
        "plan": {
            "number": plan.number,
            "retrained": plan.retrain,
            "created": plan.created,
            "request": asdict(plan.request),
            "looks": plan.looks,
            f"budgets_{confirmed.results.conditions.axis.key}": list(plan.budgets),
            "finalists": [_finalist(confirmed, finalist) for finalist in plan.finalists],
        },
        "left_out": dict(confirmed.left_out),
        "distilled": confirmed.distilled and _distilled(confirmed.distilled),
        "rank_correlation": None
        if confirmed.ranks is None
        else {name: ranks and _ranks(ranks) for name, ranks in confirmed.ranks.items()},
        "near_cost_pairs": confirmed.pairs and asdict(confirmed.pairs),
        "shift": shift and asdict(shift) | {"sentence": text.shifted(confirmed)},
        "search": {key: search[key] for key in ("headline", "zone", "rows")},
    }


def _finalist(confirmed: ConfirmedFindings, finalist: Finalist) -> dict[str, Any]:
    def accuracy(evaluations: tuple[Evaluation, ...]) -> float | None:
        return next((e.scores.accuracy for e in evaluations if e.key == finalist.key), None)

    return {
        "architecture": finalist.architecture.key,
        "size": finalist.size,
        "cost_multiply_adds_per_example": finalist.macs,
        "members": finalist.members,
        "schedule_short": asdict(finalist.short),
        "schedule_full": asdict(finalist.full),
        "reasons": [asdict(reason) for reason in finalist.reasons],
        "accuracy_val_fraction_short": finalist.accuracy,
        "accuracy_val_fraction_full": accuracy(confirmed.val),
        "accuracy_test_fraction_full": accuracy(confirmed.results.evaluations),
    }


def _distilled(found: Distilled) -> dict[str, Any]:
    def row(evaluation: Evaluation) -> dict[str, Any]:
        return {
            "architecture": evaluation.architecture.key,
            "size": evaluation.size,
            "seeds": evaluation.trained,
            "cost_multiply_adds_per_example": evaluation.cost.macs,
            "accuracy_test_fraction": evaluation.scores.accuracy,
        }

    return {
        **row(found.test),
        "accuracy_val_fraction": found.val.scores.accuracy,
        "on_labels": row(found.on_labels),
        "ensemble": row(found.ensemble),
        "difference_to_on_labels": asdict(found.over_labels),
        "difference_to_ensemble": asdict(found.over_ensemble),
        "train_multiply_adds": found.train_macs,
        "train_multiply_adds_of_teachers": found.teacher_macs,
        "sentence": found.sentence,
    }


def _time(use: UseOfTest) -> str:
    return use.used.isoformat(timespec="milliseconds")


def _ranks(ranks: Ranks) -> dict[str, Any]:
    return {
        "n": ranks.n,
        "kendall_tau": _correlation(ranks.kendall),
        "spearman_rho": _correlation(ranks.spearman),
    }


def _correlation(correlation: Correlation) -> dict[str, float | None] | None:
    """JSON knows no NaN: a correlation that is not defined is null."""
    if math.isnan(correlation.value):
        return None
    # An interval without width is none: every resample of so few says the same.
    no_interval = correlation.low == correlation.high
    return asdict(correlation) | ({"low": None, "high": None} if no_interval else {})
