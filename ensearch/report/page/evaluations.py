"""The evaluations of a study as a table that people sort and filter, and that tooltips read."""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from ensearch.core import Evaluation
from ensearch.report.study import text
from ensearch.report.study.findings import Findings
from ensearch.report.study.records import Record
from ensearch.units import format_count

Cell = str | float | int | None
Kind = Literal["text", "integer", "count", "number", "percent", "points"]


class Column(NamedTuple):
    """A column: how its cells are kept and shown (`shown`), and what it means.

    Tooltips and prints have room for the `brief` ones only.
    """

    key: str
    title: str
    kind: Kind
    says: str
    brief: bool = True


class Dot(NamedTuple):
    """Where an evaluation lies on a figure: its cost, its accuracy in percent, and its row."""

    cost: float
    accuracy: float
    kind: str  # single, ensemble or predicted
    row: int  # of the table


class Table(NamedTuple):
    """A row for each evaluation, in the order in which figures number their dots."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def table(findings: Findings, record: Record) -> Table:
    """Return the measured evaluations and then the predicted ones; without columns of nothing."""
    columns = _columns(findings)
    prices = {
        other.conditions.axis.name: {e.key: e.price for e in (*other.evaluations, *other.predicted)}
        for other in _timed(findings)
    }
    every = (*findings.evaluations, *findings.predicted)
    rows, asked = [], record.asked(every)
    for e in every:
        cells = _cells(e, findings, asked.get(e.key))
        cells |= {name: of_axis.get(e.key) for name, of_axis in prices.items()}
        rows.append(tuple(_kept(cells[column.key], column.kind) for column in columns))
    there = [
        place
        for place, column in enumerate(columns)
        if column.key == "accuracy" or any(row[place] is not None for row in rows)
    ]
    kept = tuple(tuple(row[place] for place in there) for row in rows)
    return Table(tuple(columns[place] for place in there), kept)


def shown(value: Cell, kind: Kind) -> str:
    """Return a cell for people; `show` of page.js returns the same."""
    if value is None or isinstance(value, str):
        return value or ""
    if kind == "count":
        return format_count(value)
    if kind in ("percent", "points"):
        return f"{100 * value:.2f}"
    return f"{value:.4g}" if kind == "number" else f"{value:.0f}"


def dots(findings: Findings, rows: Mapping[str, int]) -> tuple[Dot, ...]:
    """Return where evaluations lie; `rows` are those of the table by the evaluations' keys.

    By another axis the table has none of those that nobody timed: they are in no dot.
    """
    factor = findings.conditions.axis.factor
    return tuple(
        Dot(e.price * factor, 100 * e.scores.accuracy, _kind(e), rows[e.key])
        for e in (*findings.evaluations, *findings.predicted)
        if e.key in rows
    )


def _kind(e: Evaluation) -> str:
    return "predicted" if e.is_predicted else "single" if e.is_single else "ensemble"


def _timed(findings: Findings) -> tuple[Findings, ...]:
    """The findings over milliseconds: themselves, or those beside FLOPs."""
    whole = (findings, *findings.beside)
    return tuple(found for found in whole if found.conditions.axis.place)


def _columns(findings: Findings) -> tuple[Column, ...]:
    c = findings.conditions
    two = " Two FLOPs are counted for each multiply-add." if c.flops_per_mac == 2 else ""
    times = [found.conditions.axis for found in _timed(findings)]
    return (
        Column("name", "Configuration", "text", "Members × depth-width."),
        Column("kind", "Kind", "text", "Predicted: of a size that was not trained.", False),
        Column("members", "Members", "integer", "Networks whose probabilities are averaged."),
        Column("depth", "Depth", "number", "Of each network."),
        Column("width", "Width", "number", "Of each network."),
        *([Column("pixels", "Pixels", "integer", "A side of the image.")] if c.resolutions else []),
        Column("flops", "FLOPs", "count", f"Of all members, for one example.{two}"),
        Column("params", "Parameters", "count", "Of all members."),
        *(Column(axis.name, axis.name, "number", f"{axis.title}.") for axis in times),
        Column("accuracy", f"Accuracy on {c.split}, %", "percent", "As measured."),
        Column("estimate", "Estimate, %", "percent", "Less the luck of selecting the best."),
        Column("error", "± seeds", "points", "Standard error over training seeds, in points."),
        Column("seeds", "Seeds", "integer", "Members of this network that were trained."),
        Column("subsets", "Subsets", "integer", "Ensembles of them that were averaged.", False),
        Column("alone", "One member, %", "percent", "Accuracy of one member alone.", False),
        Column("disagreement", "Disagreement, %", "percent", "Images on which two members differ."),
        Column("nll", "NLL", "number", "In nats, after scaling with a temperature."),
        Column("ece", "ECE, %", "percent", "Calibration error, without a temperature.", False),
        Column(
            "training",
            "Training",
            "count",
            "FLOPs, estimated: 3 × forward × images × epochs.",
            False,
        ),
        Column("trial", "Trial", "integer", "That asked for it, or for a larger size."),
    )


def _cells(e: Evaluation, findings: Findings, trial: int | None) -> dict[str, Cell]:
    c, scores = findings.conditions, e.scores
    return {
        "name": text.label(e, c),
        "kind": _kind(e),
        "members": e.size,
        "depth": e.architecture.depth,
        "width": e.architecture.width,
        "pixels": e.architecture.resolution,
        "flops": e.cost.macs * c.flops_per_mac,
        "params": e.cost.params,
        "accuracy": scores.accuracy,
        "estimate": findings.fronts.accuracies.get(e.key),
        "error": findings.seed_errors.get(e.key),
        "seeds": e.trained,
        "subsets": None if e.is_predicted else e.subsets,
        "alone": scores.member_accuracy,
        "disagreement": None if e.is_single else scores.disagreement,
        "nll": scores.nll_scaled,
        "ece": scores.ece,
        "training": e.train_macs * c.flops_per_mac,
        "trial": trial,
    }


def _kept(value: Cell, kind: Kind) -> Cell:
    """JSON knows no NaN, and digits that nobody sees make a page large."""
    if value is None or isinstance(value, str):
        return value
    if not math.isfinite(value):
        return None
    return float(f"{value:.6g}") if kind != "integer" and not isinstance(value, int) else value
