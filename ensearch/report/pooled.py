"""Fronts of a pool -> words, tables and plain data."""

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ensearch.combining import CASCADE, KINDS, MIXED, SAME, SINGLE, Chosen, Fronts, Kept, Score
from ensearch.entries import Entry
from ensearch.report.files import replace
from ensearch.units import format_count, unit_name

SCHEMA = 1
MOST_OF = 0.99  # of an accuracy: what a cascade should keep


def labels(found: Fronts) -> dict[str, str]:
    """By network a short name: `16-0.5`, and as much more as tells the networks apart."""
    architectures = {e.network: e.network.partition("/")[0] for e in found.entries}
    # Depth and width say enough where all members are of one family and resolution.
    kinds = {architectures[e.network].replace(e.label, "") for e in found.entries if e.is_member}
    short = {e.network: e.label for e in found.entries}
    if len(kinds) > 1:
        short |= {e.network: architectures[e.network] for e in found.entries if e.is_member}
    count = Counter(short.values())
    return {
        network: label if count[label] == 1 else network.partition(" ")[0]
        for network, label in short.items()
    }


def describe(chosen: Chosen, found: Fronts) -> str:
    """`2 × 16-0.5 + B0`; of a cascade `10-0.5 → B0`, in the order in which they run."""
    names = labels(found)
    networks = [names[found.entries[member].network] for member in chosen.members]
    if chosen.kind == CASCADE:
        return " → ".join(networks)
    return " + ".join(
        name if count == 1 else f"{count} × {name}" for name, count in Counter(networks).items()
    )


def count(macs: float, unit: int) -> str:
    return format_count(macs * unit)


def _interval(score: Score) -> str:
    return f"[{100 * score.low:.2f}, {100 * score.high:.2f}]"


def print_fronts(found: Fronts, unit: int, console: Console) -> None:
    """The table, the findings, and what the numbers are true of."""
    console.print(_table(found, unit))
    console.print()
    for sentence in verdict(found, unit):
        console.print(Text(sentence, style="bold"))
    console.print()
    for sentence in conditions(found, unit):
        console.print(Text(sentence, style="dim"))


def _table(found: Fronts, unit: int) -> Table:
    splits = ("val", "test") if found.has_test else ("val",)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("Budget", justify="right", no_wrap=True)
    table.add_column(" Front", no_wrap=True)
    for split in splits:
        table.add_column(f"{split} %", justify="right", no_wrap=True)
        table.add_column("95 %", no_wrap=True)
    table.add_column("FLOPs", justify="right", no_wrap=True)
    table.add_column(" Members", overflow="fold")
    for budget in reversed(found.budgets):
        rows = [row for row in (found.of(kind, budget) for kind in KINDS) if row is not None]
        best = max(row.val.accuracy for row in rows) if rows else 0.0
        for k, row in enumerate(rows):
            scores = [row.val, *([row.test] if row.test else [])]
            cells = [
                cell
                for score in scores
                for cell in (f"{100 * score.accuracy:.2f}", _interval(score))
            ]
            table.add_row(
                count(budget, unit) if k == 0 else "",
                Text(f" {row.kind}", style="bold green" if row.val.accuracy == best else ""),
                *cells,
                count(row.macs, unit),
                Text(f" {describe(row, found)}"),
            )
    return table


def verdict(found: Fronts, unit: int) -> list[str]:
    """Whether mixed ensembles win, what a cascade keeps, and the best of all."""
    return [line for line in (_mixed(found, unit), _cascade(found, unit)) if line]


def _mixed(found: Fronts, unit: int) -> str:
    c = found.comparison
    if c.difference is None or c.low is None or c.high is None:
        return ""
    gap = f"{100 * c.difference:+.2f} points [{100 * c.low:+.2f}, {100 * c.high:+.2f}]"
    says = (
        "mixed ensembles beat ensembles of one architecture"
        if c.low > 0
        else "mixed ensembles lose to ensembles of one architecture"
        if c.high < 0
        else "whether mixed ensembles beat those of one architecture cannot be told"
    )
    return f"At {count(c.budget, unit)}, {says}: {gap}."


def best_kept(found: Fronts) -> Kept | None:
    """The cheapest cascade that keeps 99 % of the ensemble's accuracy, else the dearest."""
    for one in found.kept:
        if one.cascade >= MOST_OF * one.ensemble:
            return one
    return found.kept[-1] if found.kept else None


def _cascade(found: Fronts, unit: int) -> str:
    one = best_kept(found)
    if one is None or one.ensemble == 0:
        return ""
    gap = f"{100 * one.difference:+.2f} points [{100 * one.low:+.2f}, {100 * one.high:+.2f}]"
    return (
        f"At {one.cost:.0%} of the cost of the best mixed ensemble within "
        f"{count(found.budgets[-1], unit)}, a cascade keeps {one.cascade / one.ensemble:.1%} of "
        f"its accuracy ({gap})."
    )


def headline(found: Fronts, unit: int) -> str:
    """For the title of a figure."""
    top = [row for kind in KINDS if (row := found.of(kind, found.budgets[-1])) is not None]
    if not top:
        return "Nothing fits"
    best = max(top, key=lambda row: row.val.accuracy)
    name = {
        SINGLE: "a single network",
        SAME: "an ensemble of one architecture",
        MIXED: "a mixed ensemble",
        CASCADE: "a cascade",
    }[best.kind]
    return (
        f"Within {count(found.budgets[-1], unit)} FLOPs, {name} is most accurate: "
        f"{best.val.accuracy:.2%}"
    )


def conditions(found: Fronts, unit: int) -> list[str]:
    """What stands beside the numbers."""
    networks = len({entry.network for entry in found.entries})
    lines = [
        f"Unit: {unit_name(unit)} per example; of a cascade the mean over images.",
        f"Pool: {len(found.entries)} entries of {networks} networks ({found.query}), nothing was "
        f"trained. Data: val {found.labels['val']}.",
        "val: members are chosen on one half of val and scored on the other, both halves in turn; "
        "the members shown are chosen on all of it. 95 %: over images, not over training seeds.",
        "Same architecture and mixed may be one network alone, where that is best. Cascades leave "
        f"by {_MEASURES[found.measure]} of the mean so far; thresholds are chosen on val.",
        "Hypervolume (accuracy above "
        f"{found.reference:.1%} x decades of cost): "
        + ", ".join(f"{kind} {found.hypervolumes[kind]:.4f}" for kind in KINDS)
        + ".",
    ]
    if found.has_test:
        lines.insert(2, f"test: {found.labels['test']}, scored by what all of val chose.")
    return lines


_MEASURES = {
    "max": "the largest probability",
    "margin": "the distance of the two largest probabilities",
    "entropy": "the entropy",
}


def write(found: Fronts, folder: Path) -> None:
    """front.csv and front.json. Raises StorageError if they cannot be written."""
    plain = json.dumps(summary(found), indent=2, ensure_ascii=False, allow_nan=False)
    replace(folder / "front.json", f"{plain}\n".encode())
    rows = [_flat(row, found) for row in found.chosen]
    body = io.StringIO()
    writer = csv.DictWriter(body, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace(folder / "front.csv", body.getvalue().encode())


def _flat(row: Chosen, found: Fronts) -> dict[str, str | float]:
    """Costs in multiply-adds whatever unit the tables use."""
    names = [found.entries[member].name for member in row.members]
    cells: dict[str, str | float] = {
        "budget_multiply_adds_per_example": row.budget,
        "front": row.kind,
        "members": " ".join(names),
        "thresholds": " ".join(f"{t:.6g}" for t in row.thresholds),
        "exit_shares": " ".join(f"{share:.6g}" for share in row.exits),
        "cost_multiply_adds_per_example": row.macs,
        "accuracy_val_of_choosing_images_fraction": row.flattered,
    }
    for split, score in (("val", row.val), ("test", row.test)):
        if score is not None:
            cells |= {
                f"accuracy_{split}_fraction": score.accuracy,
                f"accuracy_{split}_low": score.low,
                f"accuracy_{split}_high": score.high,
                f"cost_{split}_multiply_adds_per_example": score.macs,
            }
    return cells


def summary(found: Fronts) -> dict[str, Any]:
    """What front.json holds: plain data without NaN or infinity."""
    c = found.comparison
    return {
        "schema": SCHEMA,
        "unit": "multiply-adds of one forward pass, per example; of a cascade the mean over images",
        "query": found.query,
        "entries": [_entry(entry) for entry in found.entries],
        "labels": dict(found.labels),
        "measure": found.measure,
        "budgets_multiply_adds": list(found.budgets),
        "rows": [
            _flat(row, found)
            | {
                "members": [found.entries[member].name for member in row.members],
                "thresholds": list(row.thresholds),
                "exit_shares": list(row.exits),
            }
            for row in found.chosen
        ],
        "mixed_minus_same_architecture": {
            "budget_multiply_adds": c.budget,
            "difference_fraction": c.difference,
            "low": c.low,
            "high": c.high,
        },
        "cascades_against_best_mixed_ensemble": [
            {
                "share_of_cost_allowed": one.share,
                "share_of_cost": one.cost,
                "share_of_accuracy": one.cascade / one.ensemble if one.ensemble else None,
                "difference_fraction": one.difference,
                "low": one.low,
                "high": one.high,
            }
            for one in found.kept
        ],
        "hypervolumes": dict(found.hypervolumes),
        "hypervolume_reference_accuracy": found.reference,
        "verdict": verdict(found, 1),
        "caveats": conditions(found, 1),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "network": entry.network,
        "multiply_adds_per_example": entry.macs,
        "parameters": entry.params,
        "origin": entry.origin,
    }
