"""Findings of a pool -> front.csv and front.json."""

from pathlib import Path
from typing import Any

from ensearch.ensembles import CUTS
from ensearch.pool.entry import Entry
from ensearch.pool.results import FRONTS, FrontPoint, PoolFindings
from ensearch.report.pool import text
from ensearch.report.pool.conditions import conditions
from ensearch.report.study.files import csv_text, json_bytes, plain, table, write_file
from ensearch.units import Axis, flops

SCHEMA = 3
UNIT = "multiply-adds of one forward pass, per example; of a cascade the mean over images"


def write(findings: PoolFindings, folder: Path) -> None:
    """Write front.csv and front.json. Raises StorageError if they cannot be written."""
    write_file(folder / "front.json", json_bytes(summary(findings)))
    write_file(folder / "front.csv", csv_text(table(rows(findings))).encode())


def rows(findings: PoolFindings) -> list[dict[str, Any]]:
    """The rows of front.csv: one for each point, with texts and numbers by column.

    Costs are in multiply-adds per example, or in nanoseconds an image, whatever the tables show.
    """
    return [_cells(point, findings) for point in findings.points]


def _cells(point: FrontPoint, findings: PoolFindings) -> dict[str, Any]:
    names, key = [findings.entries[member].name for member in point.members], _axis(findings).key
    cells: dict[str, Any] = {
        f"budget_{key}_per_example": point.budget,
        "front": point.front,
        "members": " ".join(names),
        "thresholds": " ".join(f"{threshold:.6g}" for threshold in point.thresholds),
        "exit_shares": " ".join(f"{share:.6g}" for share in point.exits),
        f"cost_{key}_per_example": point.macs,
        "accuracy_val_of_choosing_images_fraction": point.biased_accuracy,
        f"halves_of_{2 * CUTS}_that_chose_these_members": point.agreeing_halves,
    }
    for split, estimate in (("val", point.val), ("test", point.test)):
        if estimate is not None:
            cells |= {
                f"accuracy_{split}_fraction": estimate.accuracy,
                f"accuracy_{split}_low": estimate.low,
                f"accuracy_{split}_high": estimate.high,
                f"cost_{split}_{key}_per_example": estimate.macs,
            }
    if point.front in FRONTS[1:]:
        cells |= plain(findings.leads.get((point.front, point.budget)), "less_single_")
    return cells


def summary(findings: PoolFindings) -> dict[str, Any]:
    """The content of front.json: plain data without NaN or infinity."""
    axis = _axis(findings)
    return {
        "schema": SCHEMA,
        "unit": UNIT if findings.other_axis is None else f"nanoseconds; shown are {axis.says}",
        "query": findings.query,
        "entries": [_entry(entry) for entry in findings.entries],
        "labels": dict(findings.labels),
        "measure": findings.measure,
        f"budgets_{axis.key}": list(findings.budgets),
        "rows": [_row(point, findings) for point in findings.points],
        "baselines": [_row(point, findings) for point in findings.baselines],
        "differences_on": "test" if findings.has_test else "val, by halves that did not choose",
        "mixed_minus_same_architecture": {
            f"budget_{axis.key}": findings.budgets[-1],
            **plain(findings.mixed_lead),
        },
        "cascades_against_best_mixed_ensemble": [
            {
                "share_of_cost_allowed": comparison.share,
                "share_of_cost": comparison.cost,
                "share_of_accuracy": comparison.accuracy,
                **plain(comparison.lead),
                "ensemble": _row(comparison.ensemble, findings),
                "cascade": _row(comparison.cascade, findings),
            }
            for comparison in findings.cascade_comparisons
        ],
        "hypervolumes": dict(findings.hypervolumes),
        "hypervolume_reference_accuracy": findings.reference,
        "openings_of_test_before": findings.uses_before if findings.has_test else None,
        "opened_before_by": findings.uses_summary if findings.uses_before else None,
        "verdict": text.verdict(findings, axis),
        "caveats": conditions(findings, axis),
    }


def _axis(findings: PoolFindings) -> Axis:
    """The axis by which points were compared; files count one FLOP for a multiply-add."""
    return findings.other_axis or flops(1)


def _row(point: FrontPoint, findings: PoolFindings) -> dict[str, Any]:
    """The cells of `rows`, with lists of members, thresholds and shares."""
    return _cells(point, findings) | {
        "members": [findings.entries[member].name for member in point.members],
        "thresholds": list(point.thresholds),
        "exit_shares": list(point.exits),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "network": entry.network,
        "multiply_adds_per_example": entry.macs,
        **({} if entry.nanoseconds is None else {"nanoseconds_per_example": entry.nanoseconds}),
        "parameters": entry.params,
        "origin": entry.origin,
    }
