"""What the numbers of a pool's fronts are true of, in sentences."""

from ensearch.ensembles import CUTS
from ensearch.pool.results import BASELINES, FRONTS, PoolFindings
from ensearch.pool.search import ORDERS
from ensearch.report.pool.text import AHEAD, BEHIND, OVER, shown_rows, side
from ensearch.units import FLOPS, Axis


def conditions(findings: PoolFindings, axis: Axis) -> list[str]:
    """The unit, the data and what limits the numbers: what stands beside them."""
    networks = len({entry.network for entry in findings.entries})
    lines = [
        _unit(axis),
        f"Pool: {_number(len(findings.entries), 'entry', 'entries')} of "
        f"{_number(networks, 'network', 'networks')} ({findings.query}), nothing was trained. "
        f"Data: val {findings.labels['val']}.",
        "The 95 % intervals allow for images and selections, not for training seeds.",
        "The fronts of the same architecture and of mixed ensembles hold single networks where "
        f"these are best. An image leaves a cascade by {_MEASURES[findings.measure]} of the mean "
        "so far; thresholds are selected on val.",
        _volumes(findings, axis),
    ]
    if any(entry.is_member for entry in findings.entries):
        lines.insert(
            2,
            "Here trained members compete one by one, so that the luckiest seed is selected. The "
            "report of a study scores a network by the mean over its seeds, as a new training may "
            "be expected to. The two may take different networks, at different accuracies.",
        )
    seen = sum(entry.may_have_seen_val for entry in findings.entries)
    if seen:
        lines.insert(
            2,
            f"{_number(seen, 'entry', 'entries')} may have been trained on images of val and look "
            "better there than they are.",
        )
    if findings.has_test:
        lines.insert(2, _test(findings))
    return [*_legend(findings, axis), *lines]


def _unit(axis: Axis) -> str:
    if axis.name == FLOPS:
        return f"Unit: {axis.title.partition(',')[0]}; for a cascade, their mean over images."
    return (
        f"Unit: {axis.says}. Every network was measured alone, with random weights: what several "
        "take is the sum of their times, for a cascade the mean over images of what they run."
    )


def _legend(findings: PoolFindings, axis: Axis) -> list[str]:
    """What the marks and columns of the table mean, marks only if there are any."""
    sides = {side(findings, row) for row in findings.points}
    told = [
        text
        for way, text in ((1, f"{AHEAD} means more"), (-1, f"{BEHIND} means less"))
        if way in sides
    ]
    lines = [
        f"{' and '.join(told)} accurate than the single network within the same budget: the 95 % "
        "intervals of all these differences hold at once."
    ]
    lines = lines if told else []
    if any(row.overspends for row in shown_rows(findings)):
        lines.append(
            f"{OVER} costs more on test than its budget, which it kept to on val, so it is not "
            "called better within the budget."
        )
    every = 2 * CUTS
    members = (
        f"test % and {axis.unit} are those of the members shown, on test."
        if findings.has_test
        else f"Halves: how many of the {every} halves selected the members that are shown, which "
        f"all of val selected. The cost is theirs, and at {every}/{every} val % is theirs too."
    )
    return [
        *lines,
        "val % measures the way of selection, not the members shown: one half of val selects and "
        f"the other scores, in turn, averaged over {CUTS} cuts, so one network may have several "
        f"values, and a larger budget a lower one. {members}",
    ]


def _number(value: int, singular: str, plural: str) -> str:
    return f"{value} {singular if value == 1 else plural}"


def _volumes(findings: PoolFindings, axis: Axis) -> str:
    def listed(fronts: tuple[str, ...]) -> str:
        return ", ".join(f"{front} {findings.hypervolumes[front]:.4f}" for front in fronts)

    low = min(entry.price for entry in findings.entries)
    return (
        f"Hypervolume on val: accuracy above {findings.reference:.1%}, which the most frequent "
        f"class alone gets, x decades of cost from {axis.show(low)}, the cheapest member, to "
        f"{axis.show(findings.budgets[-1])}: {listed(FRONTS)}. Baselines: {listed(BASELINES)} "
        f"({ORDERS} of random members and thresholds; the search scores as many sets of members)."
    )


def _test(findings: PoolFindings) -> str:
    line = (
        f"test: {findings.labels['test']}, scored by what all of val selected; verdicts are on "
        "test."
    )
    if not findings.uses_before:
        return line
    return f"{line} It has been used {findings.uses_summary}: its numbers are optimistic."


_MEASURES = {
    "max": "the largest probability",
    "margin": "the distance of the two largest probabilities",
    "entropy": "the entropy",
}
