"""The words of a verdict, the same wherever one is told: in reports, titles, notes and lists.

A verdict is told of a budget, a zone of a study as a whole. While a search is under way there is
neither: what is told begins with "So far".
"""

import itertools
from collections import Counter
from collections.abc import Sequence

from ensearch.core import Evaluation
from ensearch.fronts import FrontRow, Verdict, Zone
from ensearch.report.study import text
from ensearch.report.study.findings import Conditions, Findings
from ensearch.units import counted, format_duration

MOST_RUNS = 3  # of budgets with the same verdict, that one sentence names
# What a run of budgets with the same verdict says, behind the budgets.
_OF_RUNS: dict[Verdict, str] = {
    "ensembles": "ensembles are better",
    "single": "single networks are better",
    "equal": "it does not matter",
    "ensemble at worst equal": "ensembles are equal or better",
    "single at worst equal": "single networks are equal or better",
    "undecided": "it is not decided",
}


def headline(findings: Findings) -> str:
    """What a study says as a whole, in one sentence without a full stop, as for a title."""
    sentence = so_far(findings) if findings.under_way else overall(findings)
    return sentence.removesuffix(".")


def overall(findings: Findings) -> str:
    """What a study says as a whole, in one sentence."""
    fronts, c = findings.fronts, findings.conditions
    rows = [row for row in fronts.rows if row.matched]
    if not rows:
        return (
            "No budget has a single network and an ensemble of comparable cost, so the two kinds "
            "cannot be compared."
        )
    if len(rows) == 1:
        return of_budget(rows[0], fronts.margin, c)
    zone = fronts.zone
    if zone.status == "crossed" and zone.low is not None and zone.high is not None:
        return _crossed(rows, zone.low, zone.high, fronts.margin, c)
    if zone.status == "ensembles" and zone.low is not None:
        return _one_kind(rows, [row for row in rows if row.budget >= zone.low], fronts.margin, c)
    if zone.status == "singles" and zone.high is not None:
        return _one_kind(rows, [row for row in rows if row.budget <= zone.high], fronts.margin, c)
    if zone.status == "equal":
        return (
            f"At every compared budget, {_places(rows, c)}, it makes less than "
            f"{points(fronts.margin)} of difference which kind is taken."
        )
    if zone.status == "crosses back" and zone.low is not None and zone.high is not None:
        return (
            f"There is no single crossover: ensembles are better at {c.axis.tell(zone.low)}, "
            f"single networks at {c.axis.tell(zone.high)}, a larger budget."
        )
    if all(row.verdict == "undecided" for row in rows):
        return f"At no compared budget, {_places(rows, c)}, is it decided yet which kind is better."
    return _runs(rows, c)


def short(zone: Zone, c: Conditions) -> str:
    """What a study says as a whole in few words: crossed between 4M and 16M."""
    low, high = (None if end is None else c.axis.show(end) for end in (zone.low, zone.high))
    return {
        "crossed": f"crossed between {low} and {high}",
        "ensembles": f"ensembles from {low}",
        "singles": f"single networks up to {high}",
        "equal": "equal throughout",
        "crosses back": "no single crossover",
        "undecided": "undecided",
    }[zone.status]


def of_budget(row: FrontRow, margin: float, c: Conditions) -> str:
    """What the verdict of a budget says, in one sentence."""
    within, delta = f"Within {c.axis.tell(row.budget)}", points(margin)
    if row.verdict == "undecided":
        return f"{within} {_undecided(row, delta)}"
    # A lead that is sure and does not matter: then the simpler configuration is taken.
    small = row.low is not None and row.high is not None and -margin < row.low < row.high < margin
    by = f", by less than {delta}" if small else ""
    says = {
        "ensembles": f"the ensemble is better{by}.",
        "single": f"the single network is better{by}.",
        "equal": f"it makes less than {delta} of difference which kind is taken.",
        "ensemble at worst equal": "the ensemble is equal or better: if it is worse at all, "
        f"then by less than {delta}.",
        "single at worst equal": "the single network is equal or better: if it is worse at all, "
        f"then by less than {delta}.",
    }
    unmatched = " Costs are not matched here, so part of the difference may come from cost."
    return f"{within} {says[row.verdict]}{'' if row.matched else unmatched}"


def so_far(findings: Findings, row: FrontRow | None = None) -> str:
    """What is best within a budget, the largest if none is given, while a search is under way."""
    c, row = findings.conditions, row or findings.fronts.rows[-1]
    over = findings.trials_over
    asked = "" if findings.trials_asked is None else f" of {findings.trials_asked}"
    best = [
        f"the best {kind} is {text.label(e, c)} ({percent(e)})" if e else f"there is no {kind}"
        for kind, e in (("single network", row.single), ("ensemble", row.ensemble))
    ]
    settling = findings.settling
    looked = ""
    if settling is not None and settling.under_way:
        looked = f" and {settling.looks} of at most {counted(settling.most_looks, 'look')}"
    return (
        f"So far, after {over}{asked} trials{looked}, {best[0]} and {best[1]} within "
        f"{c.axis.tell(row.budget)}."
    )


def to_settle(row: FrontRow, findings: Findings) -> tuple[str, ...]:
    """Ways to settle an undecided budget: `4 more seeds of 10-0.5, about 12m`; each would do alone.

    The time is that of one worker, at the speed of the training so far.
    """
    needs = row.to_settle
    if needs is None:
        return ()
    ways = []
    if needs.seeds:
        by_count: dict[int, list[str]] = {}
        for network, number in needs.seeds.items():
            by_count.setdefault(number, []).append(_network(network, findings))
        seeds = " and ".join(
            f"{counted(number, 'more seed')} of {_listed(sorted(names))}"
            for number, names in sorted(by_count.items())
        )
        ways.append(f"{seeds}{_time(needs.train_macs, findings)}")
    if needs.images:
        split = findings.conditions.split
        now = findings.conditions.images[split]
        ways.append(f"{needs.images:,} {split} images instead of {now:,}")
    return tuple(ways)


def looked(findings: Findings) -> str:
    """How often the study was looked at and what settling it has cost; empty after one look."""
    if findings.looks == 1 and findings.settling is None:
        return ""
    often = f"This is look {findings.looks} at the study"
    settling = findings.settling
    if settling is None or not settling.searched_macs:
        return f"{often}, which its interval allows for."
    times = settling.train_macs / settling.searched_macs
    return f"{often}; settling it has cost {times:.2g} times the training of its search."


def percent(e: Evaluation) -> str:
    return f"{100 * e.scores.accuracy:.2f} %"


def points(fraction: float) -> str:
    """A difference that is no estimate: 1 point, 0.5 points."""
    value = f"{100 * fraction:g}"
    return f"{value} point{'' if value == '1' else 's'}"


def _undecided(row: FrontRow, delta: str) -> str:
    if row.single is None and row.ensemble is None:
        return "nothing has been evaluated."
    if row.single is None or row.ensemble is None:
        return f"no {'ensemble' if row.single else 'single network'} has been evaluated."
    if not row.matched:
        return (
            "no single network and ensemble of comparable cost were tried, so the two kinds cannot "
            "be compared."
        )
    if row.low is None:
        return "it cannot be told which kind is better, because predictions are not stored."
    return f"it is not decided yet: either kind may be better by {delta} or more."


def _neither(rows: Sequence[FrontRow], margin: float) -> str:
    """What is said of budgets at which no kind is better."""
    verdicts = {row.verdict for row in rows}
    if verdicts == {"undecided"}:
        return "it is not decided"
    if verdicts == {"equal"}:
        return f"it makes less than {points(margin)} of difference"
    return "neither kind is shown to be better"


def _crossed(
    rows: Sequence[FrontRow], low: float, high: float, margin: float, c: Conditions
) -> str:
    singles = [row for row in rows if row.budget <= low]
    ensembles = [row for row in rows if row.budget >= high]
    between = [row for row in rows if low < row.budget < high]
    where = "the crossover lies in between"
    if between:
        where = f"in between {_neither(between, margin)}"
    single, many = (_are(kind, side) for kind, side in (("single", singles), ("ens", ensembles)))
    up_to = "up to" if single and len(singles) > 1 else "at"
    verb = "" if many == single else f"are {many or 'better'} "
    start, on = ("from", " on") if many and len(ensembles) > 1 else ("at", "")
    return (
        f"Single networks are {single or 'better'} {up_to} {c.axis.tell(low)}, ensembles {verb}"
        f"{start} {c.axis.tell(high)}{on}; {where}."
    )


def _are(kind: str, side: Sequence[FrontRow]) -> str:
    """`better`, or `equal or better`, at all these budgets; else empty."""
    verdicts = {row.verdict for row in side}
    strong, weak = (
        ("single", "single at worst equal")
        if kind == "single"
        else ("ensembles", "ensemble at worst equal")
    )
    if verdicts <= {strong}:
        return "better"
    return "equal or better" if verdicts <= {strong, weak} else ""


def _one_kind(
    rows: Sequence[FrontRow], side: Sequence[FrontRow], margin: float, c: Conditions
) -> str:
    """One kind is better, or equal or better, at the budgets of one side, and nothing elsewhere."""
    many = any(row.verdict == "ensembles" for row in side)
    kind = "Ensembles" if many else "Single networks"
    are = f"{kind} are {_are('ens' if many else 'single', side) or 'better'}"
    if len(side) == len(rows):
        return f"{are} at every compared budget, {_places(rows, c)}."
    rest = [row for row in rows if row not in side]
    other = _neither(rest, margin)
    edge = c.axis.tell((side[0] if many else side[-1]).budget)
    if len(side) == 1:
        most = "largest" if many else "smallest"
        where = f"the {most} budget where both can be compared at equal cost"
        return f"{are} at {edge}, {where}; elsewhere {other}."
    if many:
        return f"{are} from {edge} on; below, {other}."
    return f"{are} up to {edge}; above, {other}."


def _runs(rows: Sequence[FrontRow], c: Conditions) -> str:
    """Every verdict with its budgets, from the smallest on; where they alternate, how many."""
    parts: list[str] = []
    for verdict, group in itertools.groupby(rows, key=lambda row: row.verdict):
        of = list(group)
        where = c.axis.show(of[0].budget)
        if len(of) > 1:
            where += f" {'and' if len(of) == 2 else 'to'} {c.axis.show(of[-1].budget)}"
        parts.append(f"at {where}{f' {c.axis.unit}' if not parts else ''} {_OF_RUNS[verdict]}")
    if len(parts) > MOST_RUNS:
        return _alternating(rows, c)
    joined = ", ".join(parts)
    return f"{joined[0].upper()}{joined[1:]}."


def _alternating(rows: Sequence[FrontRow], c: Conditions) -> str:
    """How many budgets say what, where the verdict changes too often to name the places."""
    numbers = Counter(row.verdict for row in rows)
    said = [f"{_OF_RUNS[v]} at {numbers[v]}" for v in _OF_RUNS if numbers[v]]
    return f"Of {len(rows)} compared budgets, {_places(rows, c)}: {', '.join(said)}."


def _places(rows: Sequence[FrontRow], c: Conditions) -> str:
    return f"from {c.axis.show(rows[0].budget)} to {c.axis.tell(rows[-1].budget)}"


def _network(key: str, findings: Findings) -> str:
    """A network by the label of its single evaluation; its key if it has none."""
    of = (e for e in findings.evaluations if e.network == key and e.is_single)
    single = next(of, None)
    return key if single is None else text.label(single, findings.conditions)


def _listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a and 3 others`: a line has no room for more."""
    if len(names) > 2:
        return f"{names[0]} and {len(names) - 1} others"
    return " and ".join(names)


def _time(train_macs: float, findings: Findings) -> str:
    if not (train_macs and findings.train_macs and findings.train_seconds):
        return ""
    seconds = train_macs * findings.train_seconds / findings.train_macs
    return f", about {format_duration(seconds)}"
