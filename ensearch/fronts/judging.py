"""Estimated accuracies -> a row for each budget: both fronts, the verdict, what to take."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ensearch.core import Evaluation, Floats
from ensearch.fronts import matching
from ensearch.fronts.claims import Claim, standing
from ensearch.fronts.comparison import Compared, Indices, Rivals
from ensearch.fronts.estimates import LEVEL, Estimate
from ensearch.fronts.multiplier import multipliers
from ensearch.fronts.noise import Noise
from ensearch.fronts.rows import FrontRow
from ensearch.fronts.settling import luck, to_settle
from ensearch.fronts.verdicts import verdict

FEWEST_DEGREES = 12  # independent differences between members that a strong verdict needs


def row_of(
    evaluations: Sequence[Evaluation],
    selecting: Floats,
    accuracies: Floats,
    budget: float,
    tried: Sequence[Evaluation],
) -> FrontRow:
    """Return both fronts at a budget, with neither interval nor verdict.

    `selecting` are the accuracies that select the best, `accuracies` those that score them.
    `evaluations` are the contenders among all that were `tried`.
    """
    kinds = [matching.within(evaluations, budget, singles) for singles in (True, False)]
    best = [matching.best_of(kind, selecting) if len(kind) else None for kind in kinds]
    single, ensemble = (None if i is None else evaluations[i] for i in best)
    one, many = (None if i is None else float(accuracies[i]) for i in best)
    matched, advantage = False, None
    if single and ensemble and one is not None and many is not None:
        matched = matching.are_matched(tried, single, ensemble, budget)
        advantage = round(many - one, matching.DIGITS)
    ahead = advantage is not None and advantage > 0
    comparable = matching.comparable(tried, budget)
    take, runner_up = (ensemble, single) if ahead else (single, ensemble)
    first, second = (many, one) if ahead else (one, many)
    return FrontRow(
        budget=budget,
        single=single,
        ensemble=ensemble,
        single_accuracy=one,
        ensemble_accuracy=many,
        advantage=advantage if matched else None,
        low=None,
        high=None,
        matched=matched,
        tried_singles=len(comparable[0]),
        tried_ensembles=len(comparable[1]),
        take=take or runner_up,
        runner_up=runner_up if take else None,
        take_accuracy=first if take else second,
        runner_up_accuracy=second if take else None,
    )


def judge(
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    noise: Noise,
    estimate: Estimate,
    selecting: Floats,
    margin: float,
    *,
    tried: Sequence[Evaluation],
    selected: bool,
    before: Sequence[Claim] = (),
) -> list[FrontRow]:
    """Return the rows of all budgets with intervals, verdicts and what to take.

    The evaluations are the contenders among all that were `tried`. With `selected`, `selecting` are
    the accuracies on another split, and what they select is all that is compared. `before` are the
    claims of earlier looks, which stand as `claims` says.
    """
    rows = [
        row_of(evaluations, selecting, estimate.accuracies, budget, tried) for budget in budgets
    ]
    rivals: dict[int, Rivals] = {}
    for k, row in enumerate(rows):
        kinds = [matching.within(evaluations, row.budget, singles) for singles in (True, False)]
        if selected:
            kinds = [np.array([matching.best_of(i, selecting)]) if len(i) else i for i in kinds]
        if row.take:
            rows[k] = _taking(row, evaluations, estimate, np.concatenate(kinds), margin)
        if row.single and row.ensemble:
            rivals[k] = Rivals(singles=kinds[0], ensembles=kinds[1], counts=row.matched)
    strong = noise.degrees >= FEWEST_DEGREES
    compared = estimate.compare(list(rivals.values())) if rivals else []
    for (k, each), said in zip(rivals.items(), compared, strict=True):
        row = _ruled(rows[k], said, margin, before, tried, strong=strong)
        rows[k] = _settling(row, evaluations, each, said, noise, estimate, margin)
    return _with_multipliers(rows, rivals, evaluations, estimate, selecting if selected else None)


def _ruled(
    row: FrontRow,
    said: Compared,
    margin: float,
    before: Sequence[Claim],
    tried: Sequence[Evaluation],
    *,
    strong: bool,
) -> FrontRow:
    """The row with its interval and its verdict."""
    own = Claim(
        budget=row.budget,
        low=said.low,
        high=said.high,
        least=said.least,
        most=said.most,
        singles=len(matching.within(tried, row.budget, True)),
        ensembles=len(matching.within(tried, row.budget, False)),
    )
    # Only what was compared at matched costs takes part in what a look claims.
    stands = standing(own, before, said.advantage) if row.matched else own
    return replace(
        row,
        low=stands.low,
        high=stands.high,
        least=stands.least,
        most=stands.most,
        claim=own if row.matched else None,
        verdict=verdict(
            (stands.low, stands.high),
            (stands.least, stands.most),
            margin,
            strong=row.matched and strong,
        ),
    )


def _taking(
    row: FrontRow,
    evaluations: Sequence[Evaluation],
    estimate: Estimate,
    within: Indices,
    margin: float,
) -> FrontRow:
    """The row with the best by the estimates, or a simpler one surely within the margin of it.

    Of several the simplest: fewest members, then the lowest cost. `within` are the choice.
    """
    draws = estimate.draws[:, within].clip(0, 1)  # where few images score, noise is wider than that
    best = draws.max(axis=1)
    sure = (best[:, None] - draws < margin).mean(axis=0) >= LEVEL
    tried = [evaluations[i] for i in within]
    places = [k for k, e in enumerate(tried) if sure[k] or e is row.take]
    chosen = min(places, key=lambda k: (tried[k].size, tried[k].price))
    take = tried[chosen]
    return replace(
        row,
        take=take,
        take_accuracy=float(estimate.accuracies[within[chosen]]),
        runner_up=row.ensemble if take.is_single else row.single,
        runner_up_accuracy=row.ensemble_accuracy if take.is_single else row.single_accuracy,
        expected_loss=float((best - draws[:, chosen]).mean()),
    )


def _settling(
    row: FrontRow,
    evaluations: Sequence[Evaluation],
    rivals: Rivals,
    said: Compared,
    noise: Noise,
    estimate: Estimate,
    margin: float,
) -> FrontRow:
    """The row with what would settle it, where nothing is decided at matched costs."""
    if row.verdict != "undecided" or not row.matched or not (row.single and row.ensemble):
        return row
    pair, places = (row.single, row.ensemble), (said.single, said.ensemble)
    half = (said.most - said.least) / 2
    wanted = abs(said.most + said.least) / 2 + margin
    needs = to_settle(pair, places, noise, estimate.covariance, half, wanted)
    parts = luck(evaluations, _contrast(rivals, said, estimate), noise, estimate)
    return replace(row, to_settle=needs._replace(luck=parts))


def _contrast(rivals: Rivals, said: Compared, estimate: Estimate) -> Floats:
    """Weights of the estimates in D: half the named two, half whichever may be the best.

    The latter is how the expected best moves with an accuracy: as often as it is the best.
    """
    weights = np.zeros(len(estimate.accuracies))
    kinds = ((rivals.ensembles, said.ensemble, 0.5), (rivals.singles, said.single, -0.5))
    for kind, named, half in kinds:
        weights[named] += half
        wins = np.bincount(estimate.draws[:, kind].argmax(axis=1), minlength=len(kind))
        weights[kind] += half * wins / len(estimate.draws)
    return weights


def _with_multipliers(
    rows: Sequence[FrontRow],
    rivals: Mapping[int, Rivals],
    evaluations: Sequence[Evaluation],
    estimate: Estimate,
    selecting: Floats | None,
) -> list[FrontRow]:
    """The rows with the cost at which a single network has the ensemble's accuracy.

    `rivals` are what is compared, by row. `selecting` are the accuracies on another split that
    select both; without them the best of each draw are compared.
    """
    singles = matching.within(evaluations, np.inf, True)
    matched = [k for k, row in enumerate(rows) if row.matched]
    if not matched:
        return list(rows)
    table = np.vstack([estimate.accuracies, estimate.draws])
    if selecting is None:
        front = np.maximum.accumulate(table[:, singles], axis=1)
    else:
        cheaper = [singles[: n + 1] for n in range(len(singles))]
        front = table[:, [matching.best_of(those, selecting) for those in cheaper]]
    budgets = np.array([rows[k].budget for k in matched])
    targets = np.stack([table[:, rivals[k].ensembles].max(axis=1) for k in matched], axis=1)
    prices = np.array([evaluations[i].price for i in singles])
    last = np.flatnonzero(np.diff(prices, append=np.inf) > 0)  # at one cost, what all of it reach
    needed = multipliers(budgets, prices[last].tolist(), front[:, last], targets)
    result = list(rows)
    for k, multiplier in zip(matched, needed, strict=True):
        result[k] = replace(rows[k], multiplier=multiplier)
    return result
