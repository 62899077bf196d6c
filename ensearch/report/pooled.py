"""Fronts of a pool -> words and tables."""

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ensearch.choosing import CUTS
from ensearch.combined import (
    BASELINES,
    CASCADE,
    KINDS,
    MIXED,
    SAME,
    SINGLE,
    Chosen,
    Fronts,
    Kept,
    Score,
)
from ensearch.combining import ORDERS
from ensearch.comparing import Lead
from ensearch.units import format_count, unit_name

MOST_OF = 0.99  # of an accuracy: what a cascade should keep
AHEAD, BEHIND = "*", "-"  # of the single network within the same budget


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
        # With two splits there is room for one interval, that of the verdicts.
        if split == splits[-1]:
            table.add_column("95 %", no_wrap=True)
    table.add_column("FLOPs", justify="right", no_wrap=True)
    table.add_column(" Members", overflow="fold")
    for budget in reversed(found.budgets):
        rows = [row for row in (found.of(kind, budget) for kind in KINDS) if row is not None]
        for k, row in enumerate(rows):
            scores = [row.val, *([row.test] if row.test else [])]
            cells = [*(f"{100 * score.accuracy:.2f}" for score in scores), _interval(row.shown)]
            side = _side(found, row)
            table.add_row(
                count(budget, unit) if k == 0 else "",
                Text(f"{_MARKS[side]}{row.kind}", style=_STYLES[side]),
                *cells,
                count(row.macs, unit),
                Text(f" {describe(row, found)}"),
            )
    return table


_MARKS = {1: AHEAD, 0: " ", -1: BEHIND}
_STYLES = {1: "bold green", 0: "", -1: "dim"}


def _side(found: Fronts, row: Chosen) -> int:
    """Whether a row is told from the single network within its budget, and which way."""
    lead = found.leads.get((row.kind, row.budget))
    return 0 if lead is None else lead.side


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
    """The cheapest cascade that keeps 99 % of the ensemble's accuracy, else the dearest."""
    for one in found.kept:
        if one.cascade >= MOST_OF * one.ensemble:
            return one
    return found.kept[-1] if found.kept else None


def _cascade(found: Fronts, unit: int) -> str:
    one = best_kept(found)
    if one is None or one.ensemble == 0:
        return ""
    return (
        f"At {one.cost:.0%} of the cost of the best mixed ensemble within "
        f"{count(found.budgets[-1], unit)}, a cascade keeps {one.cascade / one.ensemble:.1%} of "
        f"its accuracy: {_gap(one.lead)}."
    )


def headline(found: Fronts, unit: int) -> str:
    """What can be told at the largest budget, also for the title of a figure; no full stop."""
    top = found.budgets[-1]
    rows = [row for kind in KINDS if (row := found.of(kind, top)) is not None]
    within = f"Within {count(top, unit)} FLOPs"
    if not rows:
        return f"{within} nothing was found on both halves of val"
    if (one := _alone(found)) is not None:
        name = describe(one, found)
        return f"{within} all fronts are one network: {name}, {100 * one.shown.accuracy:.2f} %"
    single = found.of(SINGLE, top)
    alone = single.members if single else ()
    leads = {
        row.kind: lead
        for row in rows
        if row.members != alone and (lead := found.leads.get((row.kind, top)))
    }
    if not leads:
        return f"{within} nothing could be compared on both halves of val"
    # One that is told comes before one that only looks better.
    best = max(leads, key=lambda kind: (leads[kind].side, leads[kind].difference))
    if leads[best].side > 0:
        return f"{within} {_NAMES[best]} beats the best single network: {_gap(leads[best])}"
    if leads[best].side < 0:
        return f"{within} the best single network beats ensembles and cascades: {_gap(leads[best])}"
    accuracy = f" ({100 * single.shown.accuracy:.2f} %)" if single else ""
    return (
        f"{within} no ensemble or cascade clearly beats the best single network{accuracy}: "
        f"{best} {_gap(leads[best])}"
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
        f"val: one half of it chooses and the other scores, in turn, averaged over {CUTS} cuts "
        "into halves; the members shown are chosen on all of it. 95 %: over images and choices, "
        "not over training seeds.",
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
    """Of the marks in the table, if there are any."""
    sides = {lead.side for lead in found.leads.values()}
    told = [text for side, text in ((1, f"{AHEAD} more"), (-1, f"{BEHIND} less")) if side in sides]
    if not told:
        return []
    return [
        f"{' and '.join(told)} accurate than the single network within the same budget, by 95 % "
        "intervals of the differences that hold all at once."
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
    times = "once" if found.opened_before == 1 else f"{found.opened_before} times"
    return f"{line} It has been opened {times} before by others: its numbers are optimistic."


_MEASURES = {
    "max": "the largest probability",
    "margin": "the distance of the two largest probabilities",
    "entropy": "the entropy",
}
