"""What can be told from the findings of a pool, in sentences and short names."""

from collections import Counter

from ensearch.core import ensemble_label
from ensearch.pool import entry as pool_entry
from ensearch.pool.results import (
    CASCADE,
    FRONTS,
    MIXED,
    SAME,
    SINGLE,
    CascadeComparison,
    FrontPoint,
    PoolFindings,
)
from ensearch.units import Axis

MOST_OF = 0.99  # of an accuracy: what a cascade should keep
AHEAD, BEHIND = "*", "-"  # marks: against the single network within the same budget
OVER = "!"  # costs more than its budget on test


def labels(findings: PoolFindings) -> dict[str, str]:
    """A short name by network: `16-0.5`, and as much more as tells the networks apart."""
    names = {entry.network: pool_entry.spellings(entry) for entry in findings.entries}
    # Depth and width say enough where all members are of one family and resolution.
    families = {
        names[e.network][1].replace(e.label.removesuffix(" distilled"), "")
        for e in findings.entries
        if e.is_member
    }
    length = int(len(families) > 1)
    short = {network: _spelling(spellings, length) for network, spellings in names.items()}
    count = Counter(short.values())
    return {
        network: label if count[label] == 1 else _spelling(names[network], length + 2)
        for network, label in short.items()
    }


def _spelling(spellings: tuple[str, ...], length: int) -> str:
    return spellings[min(length, len(spellings) - 1)]


def describe(point: FrontPoint, findings: PoolFindings) -> str:
    """The members of a point: `2 × 16-0.5 + B0`, or `10-0.5 → B0` as a cascade runs them."""
    names = labels(findings)
    networks = [names[findings.entries[member].network] for member in point.members]
    if point.front == CASCADE:
        return " → ".join(networks)
    return " + ".join(ensemble_label(count, name) for name, count in Counter(networks).items())


def shown_rows(findings: PoolFindings) -> list[FrontPoint]:
    """All points of the table, with the cascade that is held against the mixed ensemble."""
    row = _comparison_row(findings)
    return [*findings.points, *([row] if row and row not in findings.points else [])]


def side(findings: PoolFindings, row: FrontPoint) -> int:
    """1 if a row is known to beat the single network within its budget, -1 if to lose, else 0.

    A row that spends more than its budget on test is never said to be better within it.
    """
    single = findings.point(SINGLE, row.budget)
    lead = findings.leads.get((row.front, row.budget))
    if lead is None or (single is not None and row.members == single.members):
        return 0
    return min(lead.side, 0) if row.overspends else lead.side


def verdict(findings: PoolFindings, axis: Axis) -> list[str]:
    """Whether anything beats single networks, whether mixed ensembles win, what a cascade keeps."""
    first = f"{headline(findings, axis)}."
    if _alone(findings) is not None:
        return [first]
    return [line for line in (first, _mixed(findings, axis), _cascade(findings, axis)) if line]


def _alone(findings: PoolFindings) -> FrontPoint | None:
    """The point of all fronts at the largest budget, if they have the same members."""
    rows = [
        row for front in FRONTS if (row := findings.point(front, findings.budgets[-1])) is not None
    ]
    return rows[0] if len({row.members for row in rows}) == 1 else None


def _mixed(findings: PoolFindings, axis: Axis) -> str:
    lead = findings.mixed_lead
    if lead is None:
        return ""
    if lead.low == lead.high:
        top = axis.show(findings.budgets[-1])
        return f"At {top}, mixed ensembles gain nothing: the same members."
    says = {
        1: "mixed ensembles beat ensembles of one architecture",
        -1: "mixed ensembles lose to ensembles of one architecture",
        0: "whether mixed ensembles beat those of one architecture cannot be told",
    }[lead.side]
    return f"At {axis.show(findings.budgets[-1])}, {says}: {lead.points} points."


def best_comparison(findings: PoolFindings) -> CascadeComparison | None:
    """The cheapest cascade that keeps 99 % of the ensemble's accuracy, else the most expensive.

    A cascade that may cost as much as the ensemble saves nothing: it counts where there is no
    other.
    """
    every = findings.cascade_comparisons
    saving = [comparison for comparison in every if comparison.share < 1] or every
    keeping = [c for c in saving if c.accuracy is not None and c.accuracy >= MOST_OF]
    return next(iter(keeping or saving[-1:]), None)


def _comparison_row(findings: PoolFindings) -> FrontPoint | None:
    """The cascade of `best_comparison`, as the table has it where some budget selected the same."""
    best = best_comparison(findings)
    if best is None or best.accuracy is None or best.lead.low == best.lead.high:
        return None

    def identity(row: FrontPoint) -> tuple[object, ...]:
        return row.front, row.members, row.thresholds, row.shown.accuracy

    return next(
        (row for row in findings.points if identity(row) == identity(best.cascade)), best.cascade
    )


def _cascade(findings: PoolFindings, axis: Axis) -> str:
    best, row = best_comparison(findings), _comparison_row(findings)
    if best is None or best.accuracy is None:
        return ""
    whole = f"the mixed ensemble within {axis.show(findings.budgets[-1])}"
    if row is None:
        return f"At no more cost than {whole}, cascades gain nothing: the same members."
    ratio = f"{_percent(row)} of {_percent(best.ensemble)} %"
    costs = f"{axis.show(row.cost)} of {axis.show(best.ensemble.cost)}"
    return (
        f"Selected within {axis.show(row.budget)}, a cascade keeps {best.accuracy:.1%} of "
        f"the accuracy ({ratio}) of {whole}, at {best.cost:.0%} of its cost ({costs}): "
        f"{best.lead.points} points. It runs {describe(row, findings)}."
    )


def _percent(row: FrontPoint) -> str:
    return f"{100 * row.shown.accuracy:.2f}"


def headline(findings: PoolFindings, axis: Axis) -> str:
    """What can be told at the largest budget, also as the title of a figure; without full stop.

    Where nothing is ahead there, it names the smaller budgets at which something is.
    """
    top = findings.budgets[-1]
    if any(row.budget == top and side(findings, row) > 0 for row in findings.points):
        return _at_top(findings, axis)
    told = [row for row in findings.points if side(findings, row) > 0]
    if not told:
        return _at_top(findings, axis)
    budgets = sorted({row.budget for row in told}, reverse=True)
    *others, last = (axis.show(budget) for budget in budgets)
    within = f"{', '.join(others)} and {last}" if others else last
    ahead = {row.front for row in told}
    winners = " or ".join(_NAMES[front] for front in FRONTS if front in ahead)
    return f"{_at_top(findings, axis)}; within {within} {winners} beats the single network"


def _at_top(findings: PoolFindings, axis: Axis) -> str:
    top = findings.budgets[-1]
    rows = [row for front in FRONTS if (row := findings.point(front, top)) is not None]
    within = f"Within {axis.tell(top)}"
    if not rows:
        return f"{within} nothing fits on both halves of val"
    if (only := _alone(findings)) is not None:
        return (
            f"{within} all fronts are one network: {describe(only, findings)}, {_percent(only)} %"
        )
    single = findings.point(SINGLE, top)
    rivals = {
        row.front: (side(findings, row), findings.leads[row.front, top].value)
        for row in rows
        if (single is None or row.members != single.members) and (row.front, top) in findings.leads
    }
    if not rivals:
        return f"{within} nothing could be compared on both halves of val"
    # A known lead comes before one that only looks better, and that before what overspends.
    by = {row.front: row for row in rows}
    best = max(
        rivals, key=lambda front: (rivals[front][0], not by[front].overspends, rivals[front][1])
    )
    lead = f"{findings.leads[best, top].points} points"
    if rivals[best][0] > 0:
        return f"{within} {_NAMES[best]} beats the best single network: {lead}"
    if rivals[best][0] < 0:
        return f"{within} the best single network beats ensembles and cascades: {lead}"
    accuracy = f" ({_percent(single)} %)" if single else ""
    spent = f" of {axis.show(by[best].cost)} on test" if by[best].overspends else ""
    return (
        f"{within} no ensemble or cascade clearly beats the best single network{accuracy}: "
        f"{best}{spent} {lead}"
    )


_NAMES = {
    SAME: "an ensemble of one architecture",
    MIXED: "a mixed ensemble",
    CASCADE: "a cascade",
}
