"""What other axes say beside the one that a study is reported on: time beside FLOPs."""

from collections.abc import Sequence

from ensearch.core import Evaluation
from ensearch.fronts import FrontRow
from ensearch.report.study import text, words
from ensearch.report.study.findings import Findings
from ensearch.units import FLOPS

NEAR = 1.1  # times that differ by a smaller factor are called equal


def times(e: Evaluation, findings: Findings) -> str:
    """How long it takes, behind its FLOPs: `, 2.7 ms@1, 0.39 ms@64`; empty if nothing was measured.

    Over milliseconds its FLOPs.
    """
    said = ""
    for other in findings.beside:
        found, axis = _priced(e, other), other.conditions.axis
        if found is not None:
            unit = axis.unit if axis.name == FLOPS else axis.name
            said += f", {text.price(found, other.conditions)} {unit}"
    return said


def sentences(findings: Findings, row: FrontRow) -> list[str]:
    """Which of the two that are named takes longer, and where time answers otherwise.

    Over milliseconds, what is said over FLOPs. Empty where nothing was measured.
    """
    if not findings.beside:
        return []
    if findings.conditions.other_axis is not None:
        return [f"Over FLOPs: {words.overall(other)}" for other in findings.beside]
    return [*_longer(findings, row), *_otherwise(findings, row)]


def _longer(findings: Findings, row: FrontRow) -> list[str]:
    """How many times as long one of the two takes, on the axis where that is most."""
    ratios = []
    for other in findings.beside:
        first, second = (_priced(e, other) for e in (row.take, row.runner_up))
        if first is not None and second is not None:
            ratios.append((first.price / second.price, other.conditions.axis.place))
    most, place = max(ratios, key=lambda each: max(each[0], 1 / each[0]), default=(1.0, ""))
    factor = max(most, 1 / most)
    if not row.matched or row.take is None or factor < NEAR:
        return []
    slower = "single network" if row.take.is_single == (most > 1) else "ensemble"
    return [f"At equal FLOPs the {slower} takes {factor:.2g} times as long ({place})."]


def _otherwise(findings: Findings, here: FrontRow) -> list[str]:
    """Where the other kind is better in the time of what is taken, by more than the margin."""
    c, said = findings.conditions, []
    for other in findings.beside:
        better = {row.budget: _better(row.take, other) for row in findings.fronts.rows}
        places = [c.axis.show(budget) for budget, found in better.items() if found]
        if places:
            said.append(
                f"By time ({other.conditions.axis.place}) the answer is another at "
                f"{', '.join(places)} FLOPs"
            )
            found = better.get(here.budget)
            if found is not None:
                taken, rival, gain = found
                said[-1] += (
                    f": in the time of {text.label(taken, c)}, {text.label(rival, c)} is more "
                    f"accurate, by about {100 * gain:.2f} points"
                )
    if said:
        return [f"{sentence}." for sentence in said]
    margin = words.points(findings.fronts.margin)
    return [f"In the time of what is taken the other kind is nowhere better by {margin} or more."]


def _better(
    take: Evaluation | None, other: Findings
) -> tuple[Evaluation, Evaluation, float] | None:
    """What is taken, and what of the other kind is better in its time by more than the margin."""
    taken = _priced(take, other)
    accuracies = other.fronts.accuracies
    if taken is None or taken.key not in accuracies:
        return None
    rivals = [
        e
        for e in other.evaluations
        if e.is_single != taken.is_single and e.price <= taken.price and e.key in accuracies
    ]
    best = max(rivals, key=lambda e: accuracies[e.key], default=None)
    if best is None or accuracies[best.key] - accuracies[taken.key] <= other.fronts.margin:
        return None
    return taken, best, accuracies[best.key] - accuracies[taken.key]


def _priced(e: Evaluation | None, other: Findings) -> Evaluation | None:
    """The same evaluation on the other axis, if it is there."""
    if e is None:
        return None
    return next((timed for timed in other.evaluations if timed.key == e.key), None)


def columns(findings: Findings, e: Evaluation) -> dict[str, float | str]:
    """Return what an evaluation costs on the other axes of time, as cells of evaluations.csv."""
    cells: dict[str, float | str] = {}
    for other in findings.beside if findings.conditions.other_axis is None else (findings,):
        every: Sequence[Evaluation] = (*other.evaluations, *other.predicted)
        timed = next((one for one in every if one.key == e.key), None)
        known = None if timed is None else timed.on_axis
        name = f"ms_per_image_in_batches_of_{other.conditions.axis.name.removeprefix('ms@')}"
        cells[name] = "" if known is None else known.value
        measured = "" if known is None else "yes" if known.is_measured else "no, by its sizes"
        cells[f"{name}_measured"] = measured
    return cells
