"""What a careful author would write about a confirmation, whatever it found."""

import math

from ensearch.confirmation.distillation import Distilled
from ensearch.confirmation.plan import Confirmation
from ensearch.fronts import Correlation, FrontRow, Ranks
from ensearch.report.confirmation.findings import ConfirmedFindings
from ensearch.report.study import words
from ensearch.report.study.findings import Conditions
from ensearch.report.study.text import count, price
from ensearch.units import counted, format_points


def headline(confirmed: ConfirmedFindings) -> str:
    """Conditions, who wins at how many budgets, the verdict, and whether short ranks foretell."""
    c = confirmed.results.conditions
    parts = [part for part in (_winner(confirmed), _overall(confirmed)) if part]
    if confirmed.ranks is not None:
        parts.append(
            _trust(confirmed.ranks["all"], len(confirmed.plan.finalists) - len(confirmed.left_out))
        )
    start = f"On the {c.images['test']:,} test images of {c.dataset}, {_trained(confirmed.plan)}"
    return f"{start}, {'; '.join(parts)}."


def paragraphs(confirmed: ConfirmedFindings) -> list[str]:
    """What must stand beside the headline: ranks, shift, what is missing, what is optimistic."""
    lines = []
    if confirmed.ranks is not None and confirmed.pairs is not None:
        groups = [f"{name} {_ranks(r)}" for name, r in confirmed.ranks.items() if r is not None]
        lines.append(
            "Ranks, short schedule on val against full schedule on test (Kendall's tau, Spearman's "
            f"rho, 95 % bootstrap over configurations): {'; '.join(groups) or 'too few to tell'}. "
            f"Of {counted(confirmed.pairs.pairs, 'pair')} within sqrt(2) in cost, the order of "
            f"{confirmed.pairs.kept} is the same."
        )
    if confirmed.shift is not None:
        lines.append(shifted(confirmed))
    if confirmed.distilled is not None:
        lines.append(distilled(confirmed.distilled, confirmed.results.conditions))
    if confirmed.left_out:
        names = ", ".join(f"{label} ({reason})" for label, reason in confirmed.left_out.items())
        lines.append(f"Left out, because members failed: {names}.")
    return [*lines, *warnings(confirmed)]


DISTILLED = (
    "Learns from",
    "Network",
    "{unit}",
    "test %",
    "Seeds",
    "Training",
    "Distilled minus this",
)
NUMBERS = frozenset({2, 3, 4, 5})


def rivals(found: Distilled, c: Conditions) -> list[tuple[str, ...]]:
    """Rows of the single network, the ensemble and what was distilled, under `DISTILLED`."""
    student, teacher = found.pair.student.label, found.pair.teacher.label
    taught = f"{count(found.train_macs, c)} + {count(found.teacher_macs, c)}"
    on_labels, ensemble = (count(e.train_macs, c) for e in (found.on_labels, found.ensemble))
    return [
        (learns, label, price(e, c), f"{100 * e.scores.accuracy:.2f}", str(e.trained), *more)
        for learns, label, e, *more in (
            ("labels", student, found.on_labels, on_labels, found.over_labels.points),
            ("labels", teacher, found.ensemble, ensemble, found.over_ensemble.points),
            (teacher, student, found.test, taught, ""),
        )
    ]


def distilled(found: Distilled, c: Conditions) -> str:
    """What distilling gave, and what it cost."""
    helps = {
        1: "Learning from the ensemble helps the single network",
        0: "Whether learning from the ensemble helps the single network cannot be told",
        -1: "Learning from the ensemble harms the single network",
    }[found.over_labels.side]
    return (
        f"{found.sentence} {helps}. Training one costs {count(found.train_macs, c)} FLOPs, and "
        f"what teaches it {count(found.teacher_macs, c)} more: the training of the ensemble, and "
        "its predictions of the training images."
    )


def warnings(confirmed: ConfirmedFindings) -> list[str]:
    """Why the numbers may be optimistic; empty for a first use with fresh members."""
    lines = []
    if not confirmed.plan.retrain:
        lines.append(
            "Optimistic: the search's own members were scored, and on val the same members chose "
            "the configurations. Fresh members tell more."
        )
    times = len(confirmed.uses_of_test) + len(confirmed.other_uses_of_test)
    if times > 1:
        lines.append(
            f"The test split of this study has been used {times} times: numbers after the first "
            f"are optimistic. These are of use {confirmed.use_number}, of "
            f"{confirmed.used:%Y-%m-%d}."
        )
    return lines


def _trained(plan: Confirmation) -> str:
    if not plan.retrain:
        return "scored by the search's own members (optimistic)"
    return f"with fresh seeds and {plan.epochs}"


def _winner(confirmed: ConfirmedFindings) -> str:
    c = confirmed.results.conditions
    matched = [row for row in confirmed.results.fronts.rows if row.matched]
    if not matched:
        return (
            "no budget has a single network and an ensemble of matched cost, so neither can be "
            "called better"
        )
    ahead = [row for row in matched if (row.advantage or 0) > 0]
    clear, behind = [r for r in matched if r.side > 0], [r for r in matched if r.side < 0]
    who = "the ensemble selected on val"
    other = "the single network selected on val"
    lost = f", and is clearly behind at {_places(behind, matched, c)}" if behind else ""
    of = counted(len(matched), "matched budget")
    if not ahead:
        where = "the only matched budget" if len(matched) == 1 else f"any of {of}"
        return f"{who} does not score higher than {other} at {where}{lost}"
    is_top = ahead == matched[-len(ahead) :] and len(ahead) < len(matched)
    where = f", from {c.axis.show(ahead[0].budget)} on" if is_top else ""
    strong = _places(clear, matched, c) if clear else "none of them"
    return (
        f"{who} scores higher than {other} at {len(ahead)} of {of}{where} "
        f"(strong verdict at {strong}){lost}"
    )


def _places(some: list[FrontRow], matched: list[FrontRow], c: Conditions) -> str:
    """`all of them`, `1.2G`, `3 of them`."""
    if len(some) == len(matched) > 1:
        return "all of them"
    return c.axis.show(some[0].budget) if len(some) == 1 else f"{len(some)} of them"


def _overall(confirmed: ConfirmedFindings) -> str:
    """What the verdicts on test say together; empty where too few budgets are matched."""
    if sum(row.matched for row in confirmed.results.fronts.rows) < 2:
        return ""
    said = words.overall(confirmed.results).removesuffix(".")
    return f"{said[0].lower()}{said[1:]}"


def _trust(ranks: Ranks | None, n: int) -> str:
    if ranks is None:
        return f"{n} configurations are too few to say how well short schedules rank them"
    tau = ranks.kendall
    if math.isnan(tau.value):
        return "all configurations are equal on one of the schedules, so there are no ranks"
    number = f"tau = {_correlation(tau)} (n = {ranks.n})"
    if tau.low > 0:
        return f"short-schedule ranks agree with {number}"
    if tau.high < 0:
        return f"short-schedule ranks are the reverse of these, {number}"
    return f"whether short-schedule ranks agree cannot be told, {number}"


def _ranks(ranks: Ranks) -> str:
    return f"(n = {ranks.n}) tau {_correlation(ranks.kendall)}, rho {_correlation(ranks.spearman)}"


def _correlation(e: Correlation) -> str:
    """A correlation with its interval; where all resamples agree there is none to show."""
    if math.isnan(e.value):
        return "not defined"
    if e.low == e.high:
        return f"{e.value:.2f} (no interval: every resample says the same)"
    return f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"


def shifted(confirmed: ConfirmedFindings) -> str:
    """Whether the search's crossover survives the full schedule; empty if nothing was retrained."""
    shift, c = confirmed.shift, confirmed.results.conditions
    if shift is None:
        return ""
    if shift.doublings is not None:
        where = "higher" if shift.doublings > 0 else "lower"
        moved = f"The crossover lies {abs(shift.doublings):.2f} doublings {where} than the search's"
    else:
        before, here = (
            words.short(found.fronts.zone, c) for found in (confirmed.search, confirmed.results)
        )
        moved = f"Of a crossover the search says: {before}; the full schedule says: {here}"
    if shift.mean_change is not None:
        moved += (
            f"; the advantage has the same sign at {shift.agree} of "
            f"{counted(shift.budgets, 'budget')} matched both times, and changes by "
            f"{format_points(shift.mean_change)} points on average"
        )
    places = ", ".join(c.axis.show(budget) for budget in shift.reversed_at)
    ends = {
        "holds": "Within one doubling, the short schedule's answer holds.",
        "short schedule only": "The search's crossover is true of its short schedule only"
        + (f": the advantage clearly changes its sign at {places}." if places else "."),
        "unclear": "Whether longer training moves the crossover by more than one doubling cannot "
        "be told.",
    }
    return f"{moved}. {ends[shift.verdict]}"
