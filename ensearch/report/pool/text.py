"""Fronts of a pool -> words."""

from collections import Counter

from ensearch.ensembles.cross_fitting import CUTS
from ensearch.ensembles.paired_differences import Lead
from ensearch.pool import entry as pool_entry
from ensearch.pool.results import (
    BASELINES,
    CASCADE,
    KINDS,
    MIXED,
    SAME,
    SINGLE,
    Chosen,
    Fronts,
    Kept,
)
from ensearch.pool.search import ORDERS
from ensearch.units import format_count, unit_name

MOST_OF = 0.99  # of an accuracy: what a cascade should keep
AHEAD, BEHIND = "*", "-"  # of the single network within the same budget
OVER = "!"  # costs more than its budget on test


def labels(found: Fronts) -> dict[str, str]:
    """By network a short name: `16-0.5`, and as much more as tells the networks apart."""
    names = {entry.network: pool_entry.spellings(entry) for entry in found.entries}
    # Depth and width say enough where all members are of one family and resolution.
    kinds = {names[e.network][1].replace(e.label, "") for e in found.entries if e.is_member}
    place = int(len(kinds) > 1)
    short = {network: _one_of(of, place) for network, of in names.items()}
    count = Counter(short.values())
    return {
        network: label if count[label] == 1 else _one_of(names[network], place + 2)
        for network, label in short.items()
    }


def _one_of(spellings: tuple[str, ...], place: int) -> str:
    return spellings[min(place, len(spellings) - 1)]


def describe(chosen: Chosen, found: Fronts) -> str:
    """`2 × 16-0.5 + B0`; of a cascade `10-0.5 → B0`, in the order in which they run."""
    names = labels(found)
    networks = [names[found.entries[member].network] for member in chosen.members]
    if chosen.kind == CASCADE:
        return " → ".join(networks)
    return " + ".join(
        name if count == 1 else f"{count} × {name}" for name, count in Counter(networks).items()
    )


def shown_rows(found: Fronts) -> list[Chosen]:
    """All that are in the table: also the cascade that is held against the mixed ensemble."""
    row = _kept_row(found)
    return [*found.chosen, *([row] if row and row not in found.chosen else [])]


def count(macs: float, unit: int) -> str:
    return format_count(macs * unit)


def side(found: Fronts, row: Chosen) -> int:
    """Whether a row is told from the single network within its budget, and which way.

    One that spends more than its budget on test is not told to be better within it.
    """
    single = found.of(SINGLE, row.budget)
    lead = found.leads.get((row.kind, row.budget))
    if lead is None or (single is not None and row.members == single.members):
        return 0
    return min(lead.side, 0) if row.overspends else lead.side


def verdict(found: Fronts, unit: int) -> list[str]:
    """Whether anything beats single networks, whether mixed ensembles win, what a cascade keeps."""
    first = f"{headline(found, unit)}."
    if _alone(found) is not None:
        return [first]
    return [line for line in (first, _mixed(found, unit), _cascade(found, unit)) if line]


def _alone(found: Fronts) -> Chosen | None:
    """What all kinds chose at the largest budget, if it is the same."""
    rows = [row for kind in KINDS if (row := found.of(kind, found.budgets[-1])) is not None]
    return rows[0] if len({row.members for row in rows}) == 1 else None


def _gap(lead: Lead) -> str:
    return f"{100 * lead.difference:+.2f} points [{100 * lead.low:+.2f}, {100 * lead.high:+.2f}]"


def _mixed(found: Fronts, unit: int) -> str:
    lead = found.comparison
    if lead is None:
        return ""
    if lead.low == lead.high:
        return (
            f"At {count(found.budgets[-1], unit)}, mixed ensembles gain nothing: the same members."
        )
    says = {
        1: "mixed ensembles beat ensembles of one architecture",
        -1: "mixed ensembles lose to ensembles of one architecture",
        0: "whether mixed ensembles beat those of one architecture cannot be told",
    }[lead.side]
    return f"At {count(found.budgets[-1], unit)}, {says}: {_gap(lead)}."


def best_kept(found: Fronts) -> Kept | None:
    """The cheapest cascade that keeps 99 % of the ensemble's accuracy, else the dearest.

    One that may cost as much as the ensemble saves nothing: it counts where there is no other.
    """
    saving = [one for one in found.kept if one.share < 1] or found.kept
    most = [one for one in saving if one.accuracy is not None and one.accuracy >= MOST_OF]
    return next(iter(most or saving[-1:]), None)


def _kept_row(found: Fronts) -> Chosen | None:
    """The cascade of `best_kept`, as the table has it already where some budget chose the same."""
    one = best_kept(found)
    if one is None or one.accuracy is None or one.lead.low == one.lead.high:
        return None

    def what(row: Chosen) -> tuple[object, ...]:
        return row.kind, row.members, row.thresholds, row.shown.accuracy

    return next((row for row in found.chosen if what(row) == what(one.cascade)), one.cascade)


def _cascade(found: Fronts, unit: int) -> str:
    one, row = best_kept(found), _kept_row(found)
    if one is None or one.accuracy is None:
        return ""
    whole = f"the mixed ensemble within {count(found.budgets[-1], unit)}"
    if row is None:
        return f"At no more cost than {whole}, cascades gain nothing: the same members."
    ratio = f"{_percent(row)} of {_percent(one.ensemble)} %"
    costs = f"{count(row.cost, unit)} of {count(one.ensemble.cost, unit)}"
    return (
        f"Chosen within {count(row.budget, unit)}, a cascade keeps {one.accuracy:.1%} of "
        f"the accuracy ({ratio}) of {whole}, at {one.cost:.0%} of its cost ({costs}): "
        f"{_gap(one.lead)}. It runs {describe(row, found)}."
    )


def _percent(row: Chosen) -> str:
    return f"{100 * row.shown.accuracy:.2f}"


def headline(found: Fronts, unit: int) -> str:
    """What can be told at the largest budget, also for the title of a figure; no full stop.

    Where nothing is ahead there, it names the smaller budgets at which something is.
    """
    top = found.budgets[-1]
    if any(row.budget == top and side(found, row) > 0 for row in found.chosen):
        return _at_top(found, unit)
    told = [row for row in found.chosen if side(found, row) > 0]
    if not told:
        return _at_top(found, unit)
    budgets = sorted({row.budget for row in told}, reverse=True)
    *others, last = (count(budget, unit) for budget in budgets)
    within = f"{', '.join(others)} and {last}" if others else last
    kinds = " or ".join(_NAMES[kind] for kind in KINDS if kind in {row.kind for row in told})
    return f"{_at_top(found, unit)}; within {within} {kinds} beats the single network"


def _at_top(found: Fronts, unit: int) -> str:
    top = found.budgets[-1]
    rows = [row for kind in KINDS if (row := found.of(kind, top)) is not None]
    within = f"Within {count(top, unit)} FLOPs"
    if not rows:
        return f"{within} nothing was found on both halves of val"
    if (one := _alone(found)) is not None:
        return f"{within} all fronts are one network: {describe(one, found)}, {_percent(one)} %"
    single = found.of(SINGLE, top)
    rivals = {
        row.kind: (side(found, row), found.leads[row.kind, top].difference)
        for row in rows
        if (single is None or row.members != single.members) and (row.kind, top) in found.leads
    }
    if not rivals:
        return f"{within} nothing could be compared on both halves of val"
    # One that is told comes before one that only looks better, and that before what overspends.
    by = {row.kind: row for row in rows}
    best = max(rivals, key=lambda kind: (rivals[kind][0], not by[kind].overspends, rivals[kind][1]))
    gap = _gap(found.leads[best, top])
    if rivals[best][0] > 0:
        return f"{within} {_NAMES[best]} beats the best single network: {gap}"
    if rivals[best][0] < 0:
        return f"{within} the best single network beats ensembles and cascades: {gap}"
    accuracy = f" ({_percent(single)} %)" if single else ""
    spent = f" of {count(by[best].cost, unit)} on test" if by[best].overspends else ""
    return (
        f"{within} no ensemble or cascade clearly beats the best single network{accuracy}: "
        f"{best}{spent} {gap}"
    )


_NAMES = {
    SAME: "an ensemble of one architecture",
    MIXED: "a mixed ensemble",
    CASCADE: "a cascade",
}


def conditions(found: Fronts, unit: int) -> list[str]:
    """What stands beside the numbers."""
    networks = len({entry.network for entry in found.entries})
    lines = [
        f"Unit: {unit_name(unit)} per example; of a cascade the mean over images.",
        f"Pool: {_number(len(found.entries), 'entry', 'entries')} of "
        f"{_number(networks, 'network', 'networks')} ({found.query}), nothing was trained. "
        f"Data: val {found.labels['val']}.",
        "95 %: over images and choices, not over training seeds.",
        "Same architecture and mixed may be one network alone, where that is best. Cascades leave "
        f"by {_MEASURES[found.measure]} of the mean so far; thresholds are chosen on val.",
        _volumes(found, unit),
    ]
    seen = sum(entry.may_have_seen_val for entry in found.entries)
    if seen:
        lines.insert(
            2,
            f"{_number(seen, 'entry', 'entries')} may have been trained on images of val, and look "
            "better there than they are.",
        )
    if found.has_test:
        lines.insert(2, _test(found))
    return [*_legend(found), *lines]


def _legend(found: Fronts) -> list[str]:
    """Of the marks and columns of the table, of marks only if there are any."""
    sides = {side(found, row) for row in found.chosen}
    told = [text for way, text in ((1, f"{AHEAD} more"), (-1, f"{BEHIND} less")) if way in sides]
    lines = [
        f"{' and '.join(told)} accurate than the single network within the same budget, by 95 % "
        "intervals of the differences that hold all at once."
    ]
    lines = lines if told else []
    if any(row.overspends for row in shown_rows(found)):
        lines.append(
            f"{OVER} costs more on test than the budget it kept to on val: whether it is better "
            "within the budget is not said."
        )
    every = 2 * CUTS
    members = (
        "test % and FLOPs are of the members shown, on test."
        if found.has_test
        else f"Halves: how many of the {every} chose the members shown, which all of val chose and "
        f"whose cost this is ({every}/{every}: val % is theirs)."
    )
    return [
        *lines,
        "val % is of choosing so, not of the members shown: a half of val chooses and the other "
        f"scores, in turn, averaged over {CUTS} cuts, so one network may have several, and a "
        f"larger budget a lower one. {members}",
    ]


def _number(value: int, one: str, many: str) -> str:
    return f"{value} {one if value == 1 else many}"


def _volumes(found: Fronts, unit: int) -> str:
    def listed(kinds: tuple[str, ...]) -> str:
        return ", ".join(f"{kind} {found.hypervolumes[kind]:.4f}" for kind in kinds)

    low = min(entry.macs for entry in found.entries)
    return (
        f"Hypervolume on val: accuracy above {found.reference:.1%}, which the most frequent class "
        f"alone gets, x decades of cost from {count(low, unit)}, the cheapest member, to "
        f"{count(found.budgets[-1], unit)}: {listed(KINDS)}. Baselines: {listed(BASELINES)} "
        f"({ORDERS} of random members and thresholds; the search scores as many sets of members)."
    )


def _test(found: Fronts) -> str:
    line = f"test: {found.labels['test']}, scored by what all of val chose; verdicts are on test."
    if not found.opened_before:
        return line
    return f"{line} It has been opened {found.opened_how}: its numbers are optimistic."


_MEASURES = {
    "max": "the largest probability",
    "margin": "the distance of the two largest probabilities",
    "entropy": "the entropy",
}
