"""Methods that were tried and lost: each says more with more errors, or less with fewer.

All read the same estimates as `fronts`; they differ in what they make of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ensearch.core import Evaluation, Floats
from ensearch.fronts import Verdict, comparison, estimates, matching, noise, pooled
from ensearch.fronts.comparison import Compared, Rivals
from ensearch.fronts.estimates import Estimate
from ensearch.fronts.judging import judge
from ensearch.fronts.rows import FrontRow
from ensearch.seeds import derive
from scripts.simulations.verdicts.interface import Answer, Hits, Method, RowVerdict, row_verdict

Estimator = Callable[[Sequence[Evaluation], noise.Noise, np.random.Generator], Estimate]


def method(estimator: Estimator) -> Method:
    """Return the method that judges as `fronts` does, by other estimates."""

    def read(
        evaluations: Sequence[Evaluation],
        budgets: Sequence[float],
        hits: Hits,
        margin: float,
        seed: int,
    ) -> Sequence[RowVerdict] | Answer:
        rows, _ = _judged(estimator, evaluations, budgets, hits, margin, seed)
        return [row_verdict(row) for row in rows]

    return read


def each_by_itself(
    evaluations: Sequence[Evaluation], found: noise.Noise, rng: np.random.Generator
) -> Estimate:
    """Estimate nothing together: multiple comparisons with the best of measured accuracies."""
    return estimates.each_by_itself(found, rng)


def together(level: float, *, checked: bool) -> Estimator:
    """Return the estimator of all accuracies together, at another level or without its check."""

    def estimate(
        evaluations: Sequence[Evaluation], found: noise.Noise, rng: np.random.Generator
    ) -> Estimate:
        model = pooled.fit(evaluations, found, rng)
        if checked and not model.fits:
            return estimates.each_by_itself(found, rng)
        return estimates.together(model, rng, level)

    return estimate


def of_the_best(
    evaluations: Sequence[Evaluation], found: noise.Noise, rng: np.random.Generator
) -> Estimate:
    """Compare the best of either kind in each draw, whichever it is, instead of named ones."""
    model = pooled.fit(evaluations, found, rng)
    whole = estimates.together(model, rng, estimates.POOLED_LEVEL)
    return whole._replace(compare=lambda rivals: _of_the_best(whole.draws, rivals))


def _of_the_best(draws: Floats, rivals: Sequence[Rivals]) -> list[Compared]:
    """As `by_draws`, but both ends are about max E - max S: each draw's maxima stand for a kind."""
    result = comparison.by_draws(draws, rivals, estimates.POOLED_LEVEL)
    gaps = [draws[:, r.ensembles].max(axis=1) - draws[:, r.singles].max(axis=1) for r in rivals]
    counted = [gap for gap, r in zip(gaps, rivals, strict=True) if r.counts] or gaps
    t = np.abs([(gap - gap.mean()) / gap.std() for gap in counted]).max(axis=0)
    times = float(np.quantile(t, estimates.POOLED_LEVEL))
    ends = [(gap.mean() - times * gap.std(), gap.mean() + times * gap.std()) for gap in gaps]
    return [
        replace(said, low=float(low), high=float(high), least=float(low), most=float(high))
        for said, (low, high) in zip(result, ends, strict=True)
    ]


def surest_claims(level: float) -> Method:
    """Return the method that makes as many claims, surest first, as hold together in the draws.

    The prototype's rule: strong claims first, as long as all are right in `level` of the draws.
    """

    def read(
        evaluations: Sequence[Evaluation],
        budgets: Sequence[float],
        hits: Hits,
        margin: float,
        seed: int,
    ) -> Sequence[RowVerdict] | Answer:
        estimator = together(estimates.POOLED_LEVEL, checked=False)
        rows, draws = _judged(estimator, evaluations, budgets, hits, margin, seed)
        holding = np.ones(len(draws), np.bool_)
        verdicts: dict[float, Verdict] = {}
        for strong in (True, False):
            for right, budget, verdict in sorted(
                _claims(rows, evaluations, draws, margin, strong=strong),
                key=lambda claim: -float(claim[0].mean()),
            ):
                if budget not in verdicts and (holding & right).mean() >= level:
                    verdicts[budget] = verdict
                    holding &= right
        return [
            replace(row_verdict(row), verdict=verdicts.get(row.budget, "undecided")) for row in rows
        ]

    return read


def _claims(
    rows: Sequence[FrontRow],
    evaluations: Sequence[Evaluation],
    draws: Floats,
    margin: float,
    *,
    strong: bool,
) -> list[tuple[np.typing.NDArray[np.bool_], float, Verdict]]:
    """In which draws each claim is right, at every budget with both kinds."""
    claims: list[tuple[np.typing.NDArray[np.bool_], float, Verdict]] = []
    for row in rows:
        if row.low is None or (strong and not row.matched):
            continue
        kinds = [matching.within(evaluations, row.budget, singles) for singles in (True, False)]
        gap = draws[:, kinds[1]].max(axis=1) - draws[:, kinds[0]].max(axis=1)
        if strong:
            claims.append((gap > 0, row.budget, "ensembles"))
            claims.append((gap < 0, row.budget, "single"))
            claims.append((np.abs(gap) < margin, row.budget, "equal"))
        else:
            claims.append((gap > -margin, row.budget, "ensemble at worst equal"))
            claims.append((gap < margin, row.budget, "single at worst equal"))
    return claims


def _judged(
    estimator: Estimator,
    evaluations: Sequence[Evaluation],
    budgets: Sequence[float],
    hits: Hits,
    margin: float,
    seed: int,
) -> tuple[list[FrontRow], Floats]:
    found = noise.measure(evaluations, [hits[e.key] for e in evaluations])
    estimate = estimator(evaluations, found, np.random.default_rng(derive("fronts", seed)))
    accuracies = estimate.accuracies
    rows = judge(
        evaluations,
        budgets,
        found,
        estimate,
        accuracies,
        margin,
        tried=evaluations,
        selected=False,
    )
    return rows, estimate.draws


LOSERS: dict[str, Method] = {
    "each by itself": method(each_by_itself),
    "together, 95 %": method(together(0.95, checked=True)),
    "together, 90 %": method(together(0.90, checked=True)),
    "together, 80 %": method(together(0.80, checked=True)),
    "together, no check": method(together(estimates.POOLED_LEVEL, checked=False)),
    "best of the draws": method(of_the_best),
    "surest claims, 95 %": surest_claims(0.95),
}
