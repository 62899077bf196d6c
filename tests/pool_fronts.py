"""Results of a search over a pool that never took place, for tests of their table and figure."""

from datetime import UTC, datetime

from ensearch.ensembles.paired_differences import Lead
from ensearch.pool.entry import Entry
from ensearch.pool.results import BASELINES, KINDS, MIXED, Chosen, Fronts, Score


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


def row(kind: str, budget: float, members: tuple[int, ...], accuracy: float) -> Chosen:
    score = Score(accuracy=accuracy, low=accuracy - 0.02, high=accuracy + 0.02, macs=0.9 * budget)
    return Chosen(
        kind=kind,
        budget=budget,
        members=members,
        thresholds=(),
        exits=(1.0,),
        macs=0.9 * budget,
        flattered=accuracy,
        halves=8,
        val=score,
    )


def fronts(steps: int, leads: dict[str, Lead], name: str = "net") -> Fronts:
    """At the largest budget the kinds lead as told."""
    budgets = tuple(1e6 * 2.0**step for step in range(steps))

    def rows(kinds: tuple[str, ...]) -> tuple[Chosen, ...]:
        return tuple(
            row(kind, budget, (0, 1) if kind == MIXED else (0,), 0.5 + 0.01 * k)
            for k, kind in enumerate(kinds)
            for budget in budgets
        )

    return Fronts(
        query="all",
        entries=(entry(f"{name}-0"), entry(f"{name}-1")),
        labels={"val": "100 images"},
        measure="max",
        budgets=budgets,
        chosen=rows(KINDS),
        baselines=rows(BASELINES),
        leads={(kind, budgets[-1]): lead for kind, lead in leads.items()},
        comparison=None,
        kept=(),
        hypervolumes=dict.fromkeys((*KINDS, *BASELINES), 0.1),
        reference=0.1,
    )


def lead(low: float, high: float) -> Lead:
    return Lead(difference=(low + high) / 2, low=low, high=high)
