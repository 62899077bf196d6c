"""What time says beside FLOPs, in studies whose accuracies and times are given."""

from dataclasses import replace
from typing import Any

import pytest

from ensearch.core import AxisCost, Evaluation
from ensearch.fronts import FrontRow, Fronts
from ensearch.report.study import answer, beside
from ensearch.report.study.findings import Findings
from ensearch.units import milliseconds
from tests.worlds import handmade

# Prices and accuracies are of the configurations of `handmade`, in this order.
NAMES = ("10-2", "2 × 10-1.25", "4 × 10-2", "28-10")


def timed(base: Findings, batch: int, *prices: float) -> Findings:
    """The same over milliseconds, with an estimate for each accuracy as it was measured."""
    evaluations = [
        replace(e, on_axis=AxisCost(value=price))
        for e, price in zip(base.evaluations, prices, strict=True)
    ]
    axis = milliseconds(batch, "a CPU, one thread")
    accuracies = {e.key: e.scores.accuracy for e in evaluations}
    known: dict[str | None, Evaluation] = {e.key: e for e in evaluations}

    def on(row: FrontRow) -> FrontRow:
        names = ("single", "ensemble", "take", "runner_up")
        keys = {name: getattr(getattr(row, name), "key", None) for name in names}
        found: dict[str, Any] = {name: known.get(key) for name, key in keys.items()}
        return replace(row, **found)

    return replace(
        base,
        evaluations=tuple(evaluations),
        conditions=replace(base.conditions, other_axis=axis, is_own=False),
        fronts=Fronts(rows=tuple(map(on, base.fronts.rows)), accuracies=accuracies),
    )


def said(*batches: Findings, base: Findings | None = None) -> str:
    whole = replace(base or handmade(), beside=batches)
    return " ".join(beside.sentences(whole, whole.fronts.rows[-1]))


def test_nothing_is_said_where_nothing_was_measured() -> None:
    assert said() == ""
    assert "time" not in dict(answer.of(handmade()).sentences)


def test_times_of_what_is_taken_and_of_the_other_kind() -> None:
    base = handmade()
    found = said(timed(base, 1, 3, 1, 9, 3), timed(base, 64, 1, 0.5, 2, 2))
    assert "At about equal FLOPs the ensemble takes 3 times as long (one at a time)." in found
    assert "the other kind is nowhere better by 1 point or more" in found
    whole = replace(base, beside=(timed(base, 1, 3, 1, 9, 3), timed(base, 64, 1, 0.5, 2, 2)))
    taken = dict(answer.of(whole).sentences)["take"]
    assert taken.startswith("4 × 10-2 (4 members): 4.8G FLOPs, 9 ms@1, 2 ms@64, 95.00 % on val")
    equal = said(timed(base, 1, 3, 1, 3.1, 3))
    assert "times as long" not in equal
    slower = said(timed(base, 1, 3, 1, 3, 9))
    assert "the single network takes 3 times as long" in slower


def better(base: Findings, **accuracies: float) -> Findings:
    """The findings with other estimates, by places of NAMES."""
    changed = dict(base.fronts.accuracies)
    for place, accuracy in accuracies.items():
        changed[base.evaluations[int(place[1:])].key] = accuracy
    return replace(base, fronts=replace(base.fronts, accuracies=changed))


@pytest.mark.parametrize(("accuracy", "disagrees"), [(0.955, False), (0.965, True)])
def test_time_and_flops_disagree_where_the_other_kind_is_better_in_the_time_of_what_is_taken(
    accuracy: float, disagrees: bool
) -> None:
    """The ensemble has 95 %, and the single network of 28-10 is quicker."""
    found = said(better(timed(handmade(), 64, 3, 1, 9, 3), e3=accuracy))
    says = "in the time of 4 × 10-2, 28-10 is more accurate, by about 1.50 points"
    assert (says in found) == disagrees
    assert ("By time (in batches of 64) the answer is another at 5G FLOPs" in found) == disagrees


def test_the_budgets_of_all_rows_are_looked_at() -> None:
    """10-2 is taken at the smallest budget, where 2 × 10-1.25 is quicker here and better."""
    found = said(better(timed(handmade(), 64, 1, 0.9, 9, 10), e1=0.99))
    assert "By time (in batches of 64) the answer is another at 1.25G FLOPs." in found


def test_nothing_is_claimed_of_the_times_that_nobody_measured() -> None:
    of_all = timed(handmade(), 64, 1, 0.5, 2, 2)
    assert "nowhere better" in said(of_all)
    without = replace(of_all, evaluations=of_all.evaluations[:2])
    assert said(without) == ""


def test_a_simpler_choice_does_not_make_costs_unequal() -> None:
    """10-2 is taken at 5 G, a quarter of whose cost it has; 28-10 and 4 × 10-2 cost the same."""
    base, times = handmade(), (1, 1, 4, 4.1)
    rows = [replace(r, take=base.evaluations[0], runner_up=r.ensemble) for r in base.fronts.rows]
    simpler = replace(base, fronts=replace(base.fronts, rows=tuple(rows)))
    assert "times as long" not in said(timed(simpler, 64, *times), base=simpler)


def test_kinds_of_other_costs_are_not_compared_in_time() -> None:
    """Matched are also a pair of which one is as good for a third of the FLOPs."""
    base = handmade()
    rows = [replace(r, single=base.evaluations[0]) for r in base.fronts.rows]
    cheaper = replace(base, fronts=replace(base.fronts, rows=tuple(rows)))
    assert "times as long" not in said(timed(cheaper, 64, 1, 0.5, 4, 4), base=cheaper)


def test_two_runtimes_are_two_axes() -> None:
    axes = [milliseconds(64, "a CPU", runtime) for runtime in (None, "torch", "onnx")]
    assert [axis.name for axis in axes] == ["ms@64", "ms@64", "ms@64:onnx"]
    assert axes[2].file_name == "ms@64-onnx"
    base = handmade()
    by_onnx = timed(base, 64, 2, 2, 2, 2)
    by_onnx = replace(by_onnx, conditions=replace(by_onnx.conditions, other_axis=axes[2]))
    cells = beside.columns(replace(base, beside=(timed(base, 64, 1, 1, 1, 1), by_onnx)))
    values = cells[base.evaluations[0].key]
    assert values["ms_per_image_in_batches_of_64"] == 1
    assert values["ms_per_image_in_batches_of_64_by_onnx"] == 2


def test_over_milliseconds_flops_are_told_beside() -> None:
    base = handmade()
    whole = replace(timed(base, 64, 1, 3, 9, 3), beside=(base,))
    sentences = dict(answer.of(whole).sentences)
    assert sentences["take"].startswith("4 × 10-2 (4 members): 9 ms, 4.8G FLOPs, 95.00 % on val")
    assert sentences["FLOPs"].startswith("Over FLOPs: Single networks are better at 1.25G FLOPs")
