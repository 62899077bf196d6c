"""What other axes say beside the one that a study is reported on: time beside FLOPs, and so on."""

from ensearch.core import Evaluation
from ensearch.fronts import FrontRow
from ensearch.report.study import text, words
from ensearch.report.study.findings import Findings
from ensearch.units import FLOPS

NEAR = 1.1  # times that differ by a smaller factor are called equal
ABOUT = 0.8  # costs are about equal if the lower is at least this share of the higher


def times(e: Evaluation, findings: Findings) -> str:
    """How long it takes, behind its FLOPs: `, 2.7 ms@1, 0.39 ms@64`; empty if nothing was measured.

    Over another axis its FLOPs.
    """
    said = ""
    for other in findings.beside:
        found, axis = _priced(e, other), other.conditions.axis
        if found is not None:
            said += f", {text.price(found, other.conditions)} {axis.called}"
    return said


def label(findings: Findings) -> str:
    """Return the label of the line that `sentences` fills."""
    if _is_time(findings):
        return "time"
    return "FLOPs" if findings.beside[0].conditions.axis.name == FLOPS else "also"


def _is_time(findings: Findings) -> bool:
    """Whether what stands beside FLOPs is time."""
    others = [other.conditions.axis for other in findings.beside]
    return findings.conditions.axis.name == FLOPS and all(axis.place for axis in others)


def sentences(findings: Findings, row: FrontRow) -> list[str]:
    """Which of the two that are compared takes longer, and where time answers otherwise.

    Over another axis than FLOPs, what is said over these. Empty where nothing is known.
    """
    if not findings.beside:
        return []
    if not _is_time(findings):
        return [
            f"Over {other.conditions.axis.called}: {words.overall(other)}"
            for other in findings.beside
        ]
    return [*_longer(findings, row), *_otherwise(findings, row)]


def _longer(findings: Findings, row: FrontRow) -> list[str]:
    """How many times as long one of the two takes, on the axis where that is most.

    The best of either kind need not use the whole budget: nothing is said where their costs differ.
    """
    if not row.single or not row.ensemble:
        return []
    costs = row.single.cost.macs, row.ensemble.cost.macs
    if not row.matched or min(costs) < ABOUT * max(costs):
        return []
    ratios = []
    for other in findings.beside:
        single, ensemble = (_priced(e, other) for e in (row.single, row.ensemble))
        if single is not None and ensemble is not None:
            ratios.append((single.price / ensemble.price, other.conditions.axis.place))
    most, place = max(ratios, key=lambda each: max(each[0], 1 / each[0]), default=(1.0, ""))
    factor = max(most, 1 / most)
    if factor < NEAR:
        return []
    slower = "single network" if most > 1 else "ensemble"
    return [f"At about equal FLOPs the {slower} takes {factor:.2g} times as long ({place})."]


def _otherwise(findings: Findings, here: FrontRow) -> list[str]:
    """Where the other kind is better in the time of what is taken, by more than the margin."""
    c, rows, said = findings.conditions, findings.fronts.rows, list[str]()
    for other in findings.beside:
        better = {row.budget: _better(row.take, other) for row in rows}
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
    if said or not all(_is_known(row.take, other) for row in rows for other in findings.beside):
        return [f"{sentence}." for sentence in said]
    margin = words.points(findings.fronts.margin)
    return [f"In the time of what is taken the other kind is nowhere better by {margin} or more."]


def _is_known(take: Evaluation | None, other: Findings) -> bool:
    """Whether what is taken and something of the other kind are on the other axis."""
    taken = _priced(take, other)
    return taken is not None and any(e.is_single != taken.is_single for e in other.evaluations)


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


def columns(findings: Findings) -> dict[str, dict[str, float | str]]:
    """Return what evaluations cost on the other axes of time, as cells of evaluations.csv, by key.

    Of the study's own axis too, where that is one of time.
    """
    cells: dict[str, dict[str, float | str]] = {
        e.key: {} for e in (*findings.evaluations, *findings.predicted)
    }
    for other in (findings, *findings.beside):
        if not other.conditions.axis.place:
            continue
        known = {e.key: e.on_axis for e in (*other.evaluations, *other.predicted)}
        size = other.conditions.axis.name.removeprefix("ms@").replace(":", "_by_")
        name = f"ms_per_image_in_batches_of_{size}"
        for key, own in cells.items():
            cost = known.get(key)
            own[name] = "" if cost is None else cost.value
            measured = "" if cost is None else "yes" if cost.is_measured else "no, by its sizes"
            own[f"{name}_measured"] = measured
    return cells
