"""The trade-off figure over every cost that is known, on val and on a confirmation's test."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ensearch.core import AxisCost, Evaluation
from ensearch.fronts import Fronts, analysis
from ensearch.report.page.evaluations import Dot, dots
from ensearch.report.study import figure_data
from ensearch.report.study.figure_data import Tradeoff
from ensearch.report.study.findings import Findings, of_confirmation
from ensearch.report.study.records import OnTest
from ensearch.units import PARAMS, Axis, parameters


class View(NamedTuple):
    """A figure behind a switch. Its dots are rows of the page's table, or of a confirmation's."""

    label: str
    tradeoff: Tradeoff
    dots: tuple[Dot, ...]
    table: int = 0


def views(findings: Findings, on_test: OnTest | None) -> tuple[View, ...]:
    """Return the view on the study's own axis, then the others; none without evaluations."""
    if not findings.evaluations:
        return ()
    drawn = figure_data.compute(findings)
    rows = numbers((*findings.evaluations, *findings.predicted))
    found = [_view(one, rows, drawn.title) for one in (findings, *findings.beside)]
    for axis, price in _others(findings):
        view = _view(_over(findings, axis, price), rows, drawn.title)
        same = view.tradeoff._replace(y_range=drawn.y_range, hidden=drawn.hidden)
        found.append(view._replace(tradeoff=same))
    if on_test is not None:
        confirmed = of_test(findings, on_test)
        rows = numbers(confirmed.evaluations)
        label = f"{confirmed.conditions.axis.called}, test"
        found.append(_view(confirmed, rows, drawn.title)._replace(label=label, table=1))
    return tuple(found)


def of_test(findings: Findings, on_test: OnTest) -> Findings:
    """Return the findings of a confirmation: what val selected, scored on test; no verdicts.

    Its budgets are in the unit of the study's, also where the findings are by another axis.
    """
    own = findings if findings.conditions.is_own else findings.beside[0]
    plan = on_test.plan
    return replace(
        own,
        conditions=replace(of_confirmation(own.conditions, plan), budget=plan.budgets[-1]),
        evaluations=on_test.test,
        predicted=(),
        fronts=analysis.analyse(on_test.test, plan.budgets, None, selected_on=on_test.val),
        seed_errors={},
        under_way=False,
        beside=(),
    )


def numbers(evaluations: Sequence[Evaluation]) -> dict[str, int]:
    """Return the rows of the table of these evaluations, by key."""
    return {e.key: row for row, e in enumerate(evaluations)}


def _view(findings: Findings, rows: dict[str, int], title: str) -> View:
    drawn = figure_data.compute(findings)._replace(title=title)
    return View(findings.conditions.axis.called, drawn, dots(findings, rows))


def _others(findings: Findings) -> list[tuple[Axis, Callable[[Evaluation], float]]]:
    """Costs that every evaluation has beside those by which there are findings."""
    training = Axis(
        name="training",
        unit="training",
        key="train_macs",
        title="FLOPs of training all members (estimated)",
        says="FLOPs of training all members, estimated",
        factor=findings.conditions.flops_per_mac,
    )
    others: list[tuple[Axis, Callable[[Evaluation], float]]] = [(training, lambda e: e.train_macs)]
    if all(one.conditions.axis.name != PARAMS for one in (findings, *findings.beside)):
        others.insert(0, (parameters(), lambda e: e.cost.params))
    return others


def _over(findings: Findings, axis: Axis, price: Callable[[Evaluation], float]) -> Findings:
    """The same evaluations by another cost, at which nothing was compared."""
    priced = [
        tuple(replace(e, on_axis=AxisCost(value=price(e))) for e in some)
        for some in (findings.evaluations, findings.predicted)
    ]
    c = findings.conditions
    most = max(e.price for e in priced[0])
    return replace(
        findings,
        conditions=replace(c, other_axis=axis, budget=most, budgets=()),
        evaluations=priced[0],
        predicted=priced[1],
        fronts=Fronts(rows=()),
        under_way=False,
    )
