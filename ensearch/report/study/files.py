"""Findings -> evaluations.csv and summary.json, for other programs."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ensearch.core import Evaluation
from ensearch.errors import StorageError
from ensearch.files import atomic
from ensearch.fronts import Difference, FrontRow, Multiplier, ToSettle
from ensearch.pool.diversity import Diversity
from ensearch.report.study import answer, beside, text, words
from ensearch.report.study.findings import Findings

# Raise it when a field changes its meaning or goes; a new field leaves it as it is.
SCHEMA = 2
UNIT = "multiply-adds of one forward pass of all members, per example"


def write(results: Findings, folder: Path) -> tuple[Path, Path]:
    """Write both files into `folder`, each whole or not at all; returns their paths.

    Costs are multiply-adds whatever unit the study's tables use. Raises StorageError if the
    folder cannot be written.
    """
    return (
        write_file(folder / "evaluations.csv", csv_of(results).encode()),
        write_file(folder / "summary.json", json_bytes(summary(results))),
    )


def write_file(path: Path, content: bytes) -> Path:
    """Write a file in one step; its path. Raises StorageError."""
    try:
        atomic.write(path, content, sync=False)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}. Choose a folder that exists or can be "
            "created, with space left."
        ) from error
    return path


def json_bytes(content: object) -> bytes:
    """Return the content of a JSON file. Raises ValueError for NaN and infinity."""
    return f"{json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return the content of a CSV file; None is an empty cell."""
    body = io.StringIO()
    csv.writer(body, lineterminator="\n").writerows(rows)
    return body.getvalue()


def table(records: Sequence[Mapping[str, object]]) -> list[list[object]]:
    """Return the names that records have, as heads, and below them their cells; None for none."""
    names = list(dict.fromkeys(name for record in records for name in record))
    return [list(names), *([record.get(name) for name in names] for record in records)]


def csv_of(results: Findings) -> str:
    """One line for each evaluation, predicted ones too; what is not known is an empty cell."""
    times = beside.columns(results)
    rows = [
        row_of(e)
        | {f"accuracy_{e.split}_seed_standard_error": _blank(results.seed_errors.get(e.key))}
        | times[e.key]
        for e in (*results.evaluations, *results.predicted)
    ]
    return csv_text(table(rows))


def _blank(value: float | None) -> float | str:
    """What is not known is an empty cell."""
    return "" if value is None or math.isnan(value) else value


def row_of(e: Evaluation) -> dict[str, str | int | float]:
    """Return an evaluation as the cells of a row, by the headings of evaluations.csv."""
    # The split stands in the names of the scores: a column of one file must not be mistaken for
    # the same column of another split.
    return {
        "architecture": e.architecture.key,
        **{f"schedule_{name}": value for name, value in asdict(e.schedule).items()},
        "family": e.architecture.family,
        "depth": e.architecture.depth,
        "width": e.architecture.width,
        "resolution_pixels": e.architecture.resolution,
        "size": e.size,
        "cost_multiply_adds_per_example": e.cost.macs,
        "params": e.cost.params,
        "trained": e.trained,
        "subsets": e.subsets,
        "measured": "no, predicted" if e.is_predicted else "yes",
        "train_macs_estimate": e.train_macs,
        "split": e.split,
        f"accuracy_{e.split}_fraction": e.scores.accuracy,
        f"nll_{e.split}_nats": e.scores.nll,
        f"nll_scaled_{e.split}_nats": e.scores.nll_scaled,
        f"brier_{e.split}_0_to_2": e.scores.brier,
        f"ece_{e.split}_fraction": _blank(e.scores.ece),
        f"disagreement_{e.split}_fraction": e.scores.disagreement,
        f"member_accuracy_{e.split}_fraction": e.scores.member_accuracy,
        f"improvement_rate_{e.split}_fraction": e.scores.improvement_rate,
        f"disagreement_error_ratio_{e.split}": e.scores.disagreement_error_ratio,
    }


def summary(results: Findings) -> dict[str, Any]:
    """What summary.json holds: plain data without NaN or infinity, budgets in its `unit`.

    While the search is under way nothing is a verdict: `zone` and every `verdict` are null.
    """
    found = answer.of(results)
    content = {
        "schema": SCHEMA,
        "unit": _unit(results),
        "axis": results.conditions.axis.name,
        "study": results.conditions.study,
        "headline": words.headline(results),
        "under_way": results.under_way,
        "look": results.looks,
        "settling": results.settling and asdict(results.settling),
        "margin_fraction": results.fronts.margin,
        "estimated_together": results.fronts.is_pooled,
        "differences_between_members": results.fronts.degrees,
        "answer": found.to_dict() | {"sentence": found.statement},
        "zone": None if results.under_way else _zone(results),
        "rows": [_row(row, results) for row in results.fronts.rows],
        "beside": [_beside(other) for other in results.beside],
        "mixed_minus_same_architecture": results.diversity and _gain(results.diversity),
        "conditions": asdict(results.conditions),
        "caveats": text.conditions(results),
        "trials": {
            "asked": results.trials_asked,
            "done": results.trials_done,
            "failed": dict(results.failures),
        },
        "members": results.members,
        "train_macs_estimate": results.train_macs,
        "train_seconds": results.train_seconds,
        "config": dict(results.config),
        "environment": dict(results.environment),
    }
    return {key: _finite(value) for key, value in content.items()}


def _finite(value: Any) -> Any:
    """The same plain data, with nothing where JSON knows no number."""
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _unit(results: Findings) -> str:
    """What the numbers are: of FLOPs always multiply-adds, however they are shown."""
    other = results.conditions.other_axis
    return UNIT if other is None else other.says


def _beside(results: Findings) -> dict[str, Any]:
    """What another axis says of the same evaluations."""
    axis = results.conditions.axis
    return {
        "axis": axis.name,
        "unit": _unit(results),
        "zone": None if results.under_way else _zone(results),
        "rows": [_row(row, results) for row in results.fronts.rows],
    }


def _zone(results: Findings) -> dict[str, Any]:
    zone, key = results.fronts.zone, results.conditions.axis.key
    return {
        "status": zone.status,
        f"low_{key}": zone.low,
        f"high_{key}": zone.high,
        f"undecided_{key}": list(zone.open),
        "sentence": words.overall(results),
    }


def _row(row: FrontRow, results: Findings) -> dict[str, Any]:
    c = results.conditions
    take = answer.choice(row.take, row.take_accuracy, c)
    runner_up = answer.choice(row.runner_up, row.runner_up_accuracy, c)
    return {
        f"budget_{c.axis.key}": row.budget,
        "verdict": None if results.under_way else row.verdict,
        "take": take and asdict(take),
        "runner_up": runner_up and asdict(runner_up),
        "expected_loss_fraction": row.expected_loss,
        "advantage_fraction": row.advantage,
        "advantage_low": row.low,
        "advantage_high": row.high,
        "to_settle": row.to_settle and _to_settle(row.to_settle),
        "single": row.single and row_of(row.single),
        "ensemble": row.ensemble and row_of(row.ensemble),
        "matched": row.matched,
        "flop_multiplier": row.multiplier and _ratio(row.multiplier),
        "comparable_singles": row.tried_singles,
        "comparable_ensembles": row.tried_ensembles,
    }


def _to_settle(needs: ToSettle) -> dict[str, Any]:
    return {
        "seeds": needs.seeds,
        "train_macs_estimate": needs.train_macs,
        "images": needs.images,
        "half_width_fraction": needs.half_width,
        "half_width_with_infinite_seeds": needs.half_width_members,
        "half_width_with_infinite_images": needs.half_width_images,
    }


def _gain(diversity: Diversity) -> dict[str, Any]:
    return {
        "split": diversity.split,
        "members": diversity.members,
        "networks": diversity.networks,
        "most_members_of_a_network": diversity.copies,
        "budget_multiply_adds": diversity.budget,
        **plain(diversity.lead),
    }


def plain(lead: Difference | None, before: str = "") -> dict[str, Any]:
    """Fractions; None where there is no lead."""
    return {
        f"{before}difference_fraction": lead and lead.value,
        f"{before}low": lead and lead.low,
        f"{before}high": lead and lead.high,
    }


def _ratio(multiplier: Multiplier) -> dict[str, float | bool | None]:
    """JSON knows no infinity: an upper end that no single network reaches is null."""
    open_end = multiplier.high is not None and math.isinf(multiplier.high)
    return asdict(multiplier) | {
        "high": None if open_end else multiplier.high,
        "high_is_open": open_end,
    }
