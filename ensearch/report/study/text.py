"""The words and numbers that the table, the figures and the dashboard's note share."""

from typing import NamedTuple

from ensearch.core import Evaluation, distinctions, ensemble_label, full_label
from ensearch.fronts import FEWEST_DEGREES, FrontRow
from ensearch.report.study.findings import Conditions, Findings
from ensearch.units import counted, format_count, format_duration, format_points

NUMBERS = {0, 2, 3, 5, 6}  # columns of `Line` that are aligned to the right and never cut


class Line(NamedTuple):
    """One budget as text, in the order of `columns`."""

    budget: str
    single: str
    single_accuracy: str
    single_cost: str
    ensemble: str
    ensemble_accuracy: str
    ensemble_cost: str
    advantage: str


def columns(conditions: Conditions) -> tuple[str, ...]:
    """Headings of the fields of `Line`."""
    accuracy, unit = f"{conditions.split} %", conditions.axis.unit
    return ("Budget", "Single", accuracy, unit, "Ensemble", accuracy, unit, "Advantage")


def label(evaluation: Evaluation, conditions: Conditions | None = None) -> str:
    """`28-10` for a single network, `4 × 10-1.25` for an ensemble, `~8 × ...` if predicted.

    With the conditions, also what it has or trained with instead: `28-10@64, peak_lr 0.1`.
    """
    architecture, c = evaluation.architecture, conditions
    more = (
        ()
        if c is None
        else distinctions(architecture, evaluation.schedule, c.schedule, c.resolutions)
    )
    shape = full_label(architecture.label, more)
    whole = ensemble_label(evaluation.size, shape)
    return f"~{whole}" if evaluation.is_predicted else whole


def count(macs: float, conditions: Conditions) -> str:
    """A cost in the unit that the study counts in, short: 5.24G."""
    return format_count(macs * conditions.flops_per_mac)


def price(e: Evaluation, conditions: Conditions) -> str:
    """What it costs on the axis of the study, short; ≈ marks what was not measured of this size."""
    guessed = e.on_axis is not None and not e.on_axis.is_measured
    return f"{'≈' if guessed else ''}{conditions.axis.show(e.price)}"


def lines(results: Findings) -> list[Line]:
    """One line per budget, the highest budget first."""
    return [_line(row, results.conditions) for row in reversed(results.fronts.rows)]


def _line(row: FrontRow, conditions: Conditions) -> Line:
    return Line(
        conditions.axis.show(row.budget),
        *_best(row.single, row.single_accuracy, conditions),
        *_best(row.ensemble, row.ensemble_accuracy, conditions),
        advantage(row),
    )


def _best(
    e: Evaluation | None, estimate: float | None, conditions: Conditions
) -> tuple[str, str, str]:
    if e is None:
        return "none", "", ""
    accuracy = f"{100 * (e.scores.accuracy if estimate is None else estimate):.2f}"
    return label(e, conditions), accuracy, price(e, conditions)


def advantage(row: FrontRow) -> str:
    """Ensemble minus single in points with its interval, or why there is none."""
    if row.ensemble is None or row.single is None:
        return f"no {'ensemble' if row.ensemble is None else 'single'}"
    if row.advantage is None:
        return "not matched"
    return format_points(row.advantage, row.low, row.high)


def further(results: Findings) -> list[str]:
    """Whether mixing networks gains anything; empty where it is not known."""
    diversity, c = results.diversity, results.conditions
    if diversity is None:
        return []
    who = (
        f"{counted(diversity.members, 'member')} of {counted(diversity.networks, 'network')} "
        f"(at most {diversity.copies} of one network)"
    )
    if diversity.lead is None:
        return [
            f"Mixed ensembles of these {who} were not compared; a search of the pool compares them."
        ]
    if diversity.lead.low == diversity.lead.high:
        return [f"Of these {who} the best ensemble has one architecture: mixing gains nothing."]
    says = {1: "are better than", 0: "cannot be told from", -1: "are worse than"}
    verb = says[diversity.lead.side]
    how = "One half of val selected them and the other scored them, in turn."
    if diversity.split == "test":
        how = "They were selected on val and scored on test."
    return [
        f"Of these {who}, mixed ensembles within {count(diversity.budget, c)} {verb} ensembles of "
        f"one architecture: {diversity.lead.points} points. {how}"
    ]


def epochs(c: Conditions) -> str:
    """`12 epochs`."""
    counts = sorted({c.schedule.epochs, *c.epochs})
    several = f"{counts[0]} to " if len(counts) > 1 else ""
    return f"{several}{counted(counts[-1], 'epoch')}"


def scored(c: Conditions) -> str:
    """On what, and whether the scores are honest."""
    images = f"{c.images[c.split]:,} {c.split} images"
    if c.stage == "search":
        return (
            f"Scored on {images}, which also selected the configurations: the accuracies are "
            "optimistic."
        )
    if c.stage == "retrained":
        return (
            f"Scored on {images}; {c.images['val']:,} val images selected the configurations, of "
            "members that the search had not seen."
        )
    return (
        f"Scored on {images}; the search's own members, of which {c.images['val']:,} val images "
        "selected the best: the accuracies are optimistic."
    )


def _longer(results: Findings) -> str:
    if results.conditions.stage == "retrained":
        return "."
    if results.conclusion is not None:
        return f". {results.conclusion.sentence}"
    return (
        ". Only a short schedule was tried: longer training may move fronts and crossover, which a "
        "confirmation would show."
    )


def is_estimated(row: FrontRow) -> bool:
    """Whether an accuracy at a budget is shown as another number than what was measured."""
    shown = ((row.single, row.single_accuracy), (row.ensemble, row.ensemble_accuracy))
    return any(
        e is not None and a is not None and abs(e.scores.accuracy - a) >= 5e-5 for e, a in shown
    )


def _shown(results: Findings) -> str:
    """What the accuracies of the table are, if not the measured ones."""
    if not any(is_estimated(row) for row in results.fronts.rows):
        return ""
    return (
        ". The accuracies in the table are estimates, from which the luck of selecting the best of "
        "many is taken off; evaluations.csv and the figure have the measured ones"
    )


def seeds_unknown(results: Findings) -> str:
    """Why no verdict is strong, where too little is known of the luck of training seeds."""
    degrees = results.fronts.degrees
    if results.fronts.is_pooled is None or degrees >= FEWEST_DEGREES:
        return ""
    return (
        "No verdict can be strong: how much training seeds move an accuracy is known from "
        f"{counted(degrees, 'difference')} between members of one network, and "
        f"{FEWEST_DEGREES} are needed. More seeds of each network would help."
    )


def _estimated(results: Findings) -> str:
    """How the accuracies were estimated."""
    if results.fronts.is_pooled is None:
        return ""
    if results.fronts.is_pooled:
        return " Accuracies are estimated together, since networks of similar cost are similar."
    if results.conditions.stage != "search":
        return ""
    return (
        " Each network counts by itself, which makes intervals wide: there are too few networks, "
        "or one is too unlike the others, to estimate them together."
    )


def _example(results: Findings) -> str:
    """What a label means, by the best ensemble of the study, or its best single network."""
    c = results.conditions
    top = results.fronts.rows[-1] if results.fronts.rows else None
    e = (top.ensemble or top.single) if top is not None else None
    if e is None:
        return ""
    members, a = counted(e.size, "member"), e.architecture
    shape = f"depth {a.depth:g} and width {a.width:g}"
    named = a.label != f"{a.depth:g}-{a.width:g}"
    pixels = f", that read {a.resolution} pixels a side" if c.resolutions else ""
    return f"{label(e, c)} is {members} of {a.label if named else shape}{pixels}. "


def conditions(results: Findings) -> list[str]:
    """Sentences that must stand beside the numbers: what they are true of, and what not."""
    c = results.conditions
    n = {split: f"{count:,}" for split, count in c.images.items()}
    limit = f" (limited to {c.limit_train:,})" if c.limit_train is not None else ""
    failed = ", ".join(f"{reason} {n}" for reason, n in results.failures.items())
    unmatched = [
        "Not matched: at that budget nothing of the other kind was tried at a comparable cost, so "
        "a difference would partly come from cost. More trials, or a finer space, may fill the "
        "gap.",
    ]
    if all(row.matched or not (row.single and row.ensemble) for row in results.fronts.rows):
        unmatched = []
    return [
        f"Unit: {c.axis.says}.",
        f"Data: {c.dataset}, {c.classes} classes. {scored(c)}",
        f"Trained for {epochs(c)} of {n['train']} images{limit}{_longer(results)}",
        f"Members: {c.family}, batch {c.schedule.batch_size}, {c.schedule.optimizer}, "
        f"seed {c.seed}; {c.rule} mean of probabilities. Advantage: ensemble minus single in "
        "points of accuracy, with a 95 % interval that holds at all budgets at "
        f"once{_shown(results)}.{_estimated(results)}",
        *([seeds_unknown(results)] if seeds_unknown(results) else []),
        f"{counted(results.trials_done, 'trial')} done by {c.sampler}, "
        f"{results.trials_failed} failed{f' ({failed})' if failed else ''}; "
        f"{counted(results.members, 'member')} trained in "
        f"{format_duration(results.train_seconds)} of worker time, an estimated "
        f"{count(results.train_macs, c)} FLOPs.",
        "Tried: how many single networks + ensembles were measured within the budget. Train: the "
        "estimated FLOPs of training the best of them, 3 x forward x images x epochs. Single "
        f"needs: the {c.axis.unit} of a single network as accurate as the ensemble, divided by the "
        "budget.",
        *(
            [
                "~ marks sizes that were not trained, at most twice the largest that was. They are "
                "predicted from smaller ensembles and belong to no front. On digits the accuracy "
                "of 4 members, predicted from 2, was off by 1.7 points (standard deviation); the "
                "best of many predictions is biased upward besides."
            ]
            if results.predicted
            else []
        ),
        f"{_example(results)}An accuracy is the mean over all ensembles of that size among the "
        "members trained by now, so it may differ from what a trial said when it ended.",
        *unmatched,
        *results.notes,
    ]
