"""What a confirmation that is settled has found on test, and what it trains before it looks again.

It looks at most `LOOKS` times, which was planned before the first: each look makes an equal share
of the error (`ensearch.fronts.spending`), and what only an earlier one claimed is not kept, because
with more members val may select others.
"""

import math
from collections import Counter
from dataclasses import dataclass, replace

from ensearch.confirmation.plan import Confirmation
from ensearch.core import Evaluation
from ensearch.fronts import Fronts, allocation, analyse, spending, stopping
from ensearch.store import Store
from ensearch.study.events import LookDone, SettlementEnded
from ensearch.study.scoring import Scorer
from ensearch.study.study import Study

LOOKS = spending.LOOKS
COST = 1.0  # more training, at most: so many times that of the first look


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at test says, and the plan with the next one; None and why where it ends."""

    done: LookDone
    following: Confirmation | None = None
    ended: SettlementEnded | None = None


def share(plan: Confirmation) -> float:
    """Return the share of its error that each look of a plan makes."""
    return spending.next_share((), LOOKS) if plan.request.settle else 1.0


def look(study: Study, store: Store, plan: Confirmation) -> Look:
    """Look at what a plan has scored."""
    evaluations = store.evaluations(study.config.name, plan.stage, "test")
    fronts = _fronts(study, store, plan, evaluations)
    rows = [row for row in fronts.rows if row.matched]
    known = allocation.networks(evaluations, _most(plan))
    spent, allowed = _spent(plan, known)
    done = LookDone(
        number=plan.looks,
        looks=LOOKS,
        budgets=len(rows),
        undecided=sum(row.verdict == "undecided" for row in rows),
        share_spent=spent / allowed if allowed else 1.0,
    )
    reason, more = _decide(plan, fronts, known, allowed - spent)
    if reason is None:
        return Look(done=done, following=_grown(plan, more))
    ended = SettlementEnded(reason=reason, looks=plan.looks, train_macs=spent, allowed=allowed)
    return Look(done=done, ended=ended)


def _fronts(study: Study, store: Store, plan: Confirmation, on_test: list[Evaluation]) -> Fronts:
    name, config = study.config.name, study.config
    scorer = Scorer.of(study, store, "val", "test")
    return analyse(
        on_test,
        plan.budgets,
        scorer.subset_hits(name, "test", plan.stage),
        selected_on=store.evaluations(name, plan.stage, "val"),
        seed=config.seed,
        share=share(plan),
    )


def _most(plan: Confirmation) -> dict[str, int]:
    """How many more members each network may get: none where one has diverged."""
    failed = dict(plan.failures)
    return {name: 0 if name in failed else allocation.MOST for name in plan.networks}


def _spent(plan: Confirmation, known: allocation.Networks) -> tuple[float, float]:
    """Multiply-adds of training since the first look, and those that are allowed."""
    now = Counter({name: plan.networks[name].members for name in known})
    first = Counter({name: plan.at_first[name] for name in known})
    return allocation.cost_of(now - first, known), COST * allocation.cost_of(first, known)


def _decide(
    plan: Confirmation, fronts: Fronts, known: allocation.Networks, left: float
) -> tuple[stopping.Reason | None, dict[str, int]]:
    """Why it is over, or how many more members networks get."""
    reason = stopping.reason(fronts, left, math.inf)
    if reason is None and plan.looks >= LOOKS:
        reason = "looks"
    if reason is not None:
        return reason, {}
    more = allocation.by_variance(fronts, known, left / (LOOKS - plan.looks))
    return (None, more) if more else ("nothing helps", {})


def _grown(plan: Confirmation, more: dict[str, int]) -> Confirmation:
    finalists = tuple(
        replace(finalist, members=finalist.members + more.get(finalist.network, 0))
        for finalist in plan.finalists
    )
    return replace(plan, finalists=finalists, looks=plan.looks + 1)
