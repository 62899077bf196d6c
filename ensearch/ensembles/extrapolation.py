"""Evaluations of ensembles larger than those that were trained, predicted from smaller ones.

For the arithmetic mean of probabilities the expected Brier score is linear in 1/m. With e_i = p_i
- y the error of member i on an image, |mean of e_i|^2 = (1/m^2) (sum_i |e_i|^2 + sum_(i != j)
<e_i, e_j>), so for members that are trained alike and independently

    B(m) = E|e_i|^2 / m + (1 - 1/m) E<e_i, e_j> = B(inf) + (B(1) - B(inf)) / m.

Averaged over subsets, B(1) and B(R) estimate both terms without bias, from R >= 2 members, and so
does the line through them for every m. There is no such law for the other scores, nor for the
geometric mean: there the same line is an approximation, and `_line` says how good it was.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ensearch.core import AxisCost, Evaluation, Scores
from ensearch.errors import UsageError


def predict(evaluations: Sequence[Evaluation], sizes: Iterable[int]) -> list[Evaluation]:
    """Return evaluations of the `sizes` above the trained one, for each network and split.

    They are predicted from size 1 and the largest measured size R of a network: with up to 20
    members these two leave no subset out. Networks with one member are left out: they do not show
    what averaging does. Sizes that were trained are left out too, and predictions among
    `evaluations` are not read. Costs are those of one member times the size.

    The Brier score of the arithmetic rule is unbiased. Accuracy and the NLLs follow the same line,
    c + a/m, a power law (Lobacheva et al. 2020, arXiv:2007.08483) with the exponent fixed at 1.
    `disagreement` is per pair and `member_accuracy` per member: they do not depend on the size.
    `ece` is NaN: it need not even be monotone in the size. UsageError for a size below 1.
    """
    wanted = sorted(set(sizes))
    if wanted and wanted[0] < 1:
        raise UsageError(
            f"an ensemble to predict needs at least 1 member; got size {wanted[0]}. "
            "Ask for sizes above the trained one."
        )
    measured: dict[tuple[str, str], dict[int, Evaluation]] = {}
    for row in evaluations:
        if not row.is_predicted:
            measured.setdefault((row.network, row.split), {})[row.size] = row
    return [
        _predicted(rows[1], rows[max(rows)], size)
        for rows in measured.values()
        if 1 in rows and max(rows) > 1
        for size in wanted
        if size > rows[max(rows)].trained
    ]


def _predicted(single: Evaluation, most: Evaluation, size: int) -> Evaluation:
    return replace(
        single,
        size=size,
        trained=most.trained,
        subsets=0,
        cost=single.cost.times(size),
        train_macs=single.train_macs * size,
        scores=Scores(
            accuracy=min(max(_line("accuracy", single, most, size), 0.0), 1.0),
            nll=max(_line("nll", single, most, size), 0.0),
            nll_scaled=max(_line("nll_scaled", single, most, size), 0.0),
            brier=max(_line("brier", single, most, size), 0.0),
            ece=math.nan,
            disagreement=most.scores.disagreement,
            member_accuracy=most.scores.member_accuracy,
        ),
        on_axis=single.on_axis and AxisCost(value=single.on_axis.value * size),
    )


def _line(name: str, single: Evaluation, most: Evaluation, size: int) -> float:
    """A score at `size` on the line in 1/size through the scores of size 1 and size R."""
    # The exponent is fixed. Size 8 from a pair, arithmetic rule, eight networks on handwritten
    # digits against all their eight members: bias +0.3 points and -0.004 nats, below a sixth of the
    # spread (1.9 points, 0.046 nats); size 4 from a pair 0.0 and 1.7 points; geometric rule +0.6
    # points, -0.003 nats, but -0.013 nats of 0.045 for the scaled NLL. What lost, by root mean
    # square error over 300 simulated studies (n = 1835 predictions of size 8 from 2, arithmetic
    # rule):
    # - an exponent pooled over four networks of four members, 2.07 points against 1.99; with so
    #   few networks it varies by 0.3 for accuracy. NLL had 0.045 nats both, with less bias;
    # - a line in log size 6.4 points; size 2 taken for size 8 3.4 points.
    # The accuracy's gain as a multiple, pooled over networks, of the Brier score's had 1.79 points,
    # but the multiple falls from 1.9 for the smallest networks to 1.2 for larger ones, and ties
    # together what is to be compared. The best fit to all sizes instead of the line through both
    # ends: 0.80 points against 0.85 for size 8 from 4, no better in NLL, and it jumps at size R.
    first, last = getattr(single.scores, name), getattr(most.scores, name)
    return float(last + (first - last) * (1 / size - 1 / most.size) / (1 - 1 / most.size))
