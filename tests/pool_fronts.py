"""Results of a search over a pool that never took place, for tests of their table and figure."""

from datetime import UTC, datetime

from ensearch.fronts import Difference
from ensearch.pool.entry import Entry
from ensearch.pool.results import BASELINES, FRONTS, MIXED, Estimate, FrontPoint, PoolFindings


def entry(name: str) -> Entry:
    return Entry(
        name=name,
        key=name,
        network=name,
        label=name,
        macs=10**6,
        params=None,
        labels={},
        origin="",
        dataset="",
        is_member=False,
        created=datetime.now(UTC),
    )


def row(front: str, budget: float, members: tuple[int, ...], accuracy: float) -> FrontPoint:
    score = Estimate(
        accuracy=accuracy, low=accuracy - 0.02, high=accuracy + 0.02, macs=0.9 * budget
    )
    return FrontPoint(
        front=front,
        budget=budget,
        members=members,
        thresholds=(),
        exits=(1.0,),
        macs=0.9 * budget,
        biased_accuracy=accuracy,
        agreeing_halves=8,
        val=score,
    )


def fronts(steps: int, leads: dict[str, Difference], name: str = "net") -> PoolFindings:
    """At the largest budget the fronts lead as told."""
    budgets = tuple(1e6 * 2.0**step for step in range(steps))

    def rows(names: tuple[str, ...]) -> tuple[FrontPoint, ...]:
        return tuple(
            row(front, budget, (0, 1) if front == MIXED else (0,), 0.5 + 0.01 * k)
            for k, front in enumerate(names)
            for budget in budgets
        )

    return PoolFindings(
        query="all",
        entries=(entry(f"{name}-0"), entry(f"{name}-1")),
        labels={"val": "100 images"},
        measure="max",
        budgets=budgets,
        points=rows(FRONTS),
        baselines=rows(BASELINES),
        leads={(front, budgets[-1]): lead for front, lead in leads.items()},
        mixed_lead=None,
        cascade_comparisons=(),
        hypervolumes=dict.fromkeys((*FRONTS, *BASELINES), 0.1),
        reference=0.1,
    )


def lead(low: float, high: float) -> Difference:
    return Difference(value=(low + high) / 2, low=low, high=high)
