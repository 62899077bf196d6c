"""Fronts of a pool -> front.csv and front.json."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from ensearch.ensembles.cross_fitting import CUTS
from ensearch.pool.entry import Entry
from ensearch.pool.results import KINDS, Chosen, Fronts
from ensearch.report.pool import text
from ensearch.report.study.files import plain, replace

SCHEMA = 3


def write(found: Fronts, folder: Path) -> None:
    """front.csv and front.json. Raises StorageError if they cannot be written."""
    plain = json.dumps(summary(found), indent=2, ensure_ascii=False, allow_nan=False)
    replace(folder / "front.json", f"{plain}\n".encode())
    rows = [_flat(row, found) for row in found.chosen]
    body = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(body, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace(folder / "front.csv", body.getvalue().encode())


def _flat(row: Chosen, found: Fronts) -> dict[str, Any]:
    """Costs in multiply-adds whatever unit the tables use."""
    names = [found.entries[member].name for member in row.members]
    cells: dict[str, Any] = {
        "budget_multiply_adds_per_example": row.budget,
        "front": row.kind,
        "members": " ".join(names),
        "thresholds": " ".join(f"{t:.6g}" for t in row.thresholds),
        "exit_shares": " ".join(f"{share:.6g}" for share in row.exits),
        "cost_multiply_adds_per_example": row.macs,
        "accuracy_val_of_choosing_images_fraction": row.flattered,
        f"halves_of_{2 * CUTS}_that_chose_these_members": row.halves,
    }
    for split, score in (("val", row.val), ("test", row.test)):
        if score is not None:
            cells |= {
                f"accuracy_{split}_fraction": score.accuracy,
                f"accuracy_{split}_low": score.low,
                f"accuracy_{split}_high": score.high,
                f"cost_{split}_multiply_adds_per_example": score.macs,
            }
    if row.kind in KINDS[1:]:
        cells |= plain(found.leads.get((row.kind, row.budget)), "less_single_")
    return cells


def summary(found: Fronts) -> dict[str, Any]:
    """What front.json holds: plain data without NaN or infinity."""
    return {
        "schema": SCHEMA,
        "unit": "multiply-adds of one forward pass, per example; of a cascade the mean over images",
        "query": found.query,
        "entries": [_entry(entry) for entry in found.entries],
        "labels": dict(found.labels),
        "measure": found.measure,
        "budgets_multiply_adds": list(found.budgets),
        "rows": [_row(row, found) for row in found.chosen],
        "baselines": [_row(row, found) for row in found.baselines],
        "differences_on": "test" if found.has_test else "val, by halves that did not choose",
        "mixed_minus_same_architecture": {
            "budget_multiply_adds": found.budgets[-1],
            **plain(found.comparison),
        },
        "cascades_against_best_mixed_ensemble": [
            {
                "share_of_cost_allowed": one.share,
                "share_of_cost": one.cost,
                "share_of_accuracy": one.accuracy,
                **plain(one.lead),
                "ensemble": _row(one.ensemble, found),
                "cascade": _row(one.cascade, found),
            }
            for one in found.kept
        ],
        "hypervolumes": dict(found.hypervolumes),
        "hypervolume_reference_accuracy": found.reference,
        "openings_of_test_before": found.opened_before if found.has_test else None,
        "opened_before_by": found.opened_how if found.opened_before else None,
        "verdict": text.verdict(found, 1),
        "caveats": text.conditions(found, 1),
    }


def _row(row: Chosen, found: Fronts) -> dict[str, Any]:
    return _flat(row, found) | {
        "members": [found.entries[member].name for member in row.members],
        "thresholds": list(row.thresholds),
        "exit_shares": list(row.exits),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "network": entry.network,
        "multiply_adds_per_example": entry.macs,
        "parameters": entry.params,
        "origin": entry.origin,
    }
