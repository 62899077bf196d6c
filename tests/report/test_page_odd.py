"""Pages of odd studies: they show what there is and say what there is not."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from ensearch.core import Evaluation
from ensearch.fronts import analysis
from ensearch.report.page import data, html
from ensearch.report.page.data import Page
from ensearch.report.study import files
from ensearch.report.study.records import Failure, Record
from ensearch.report.study.results import Results
from tests.worlds import evaluation, results


def study(*evaluations: Evaluation, **changes: Any) -> Results:
    """The evaluations with the fronts that follow from them, without predictions."""
    fronts = analysis.analyse(evaluations, (1.25e9, 2.5e9, 5e9), None)
    return results(fronts, list(evaluations), **changes)


def page(found: Results, record: Record | None = None) -> tuple[Page, str]:
    """Data and text, of which the data that it holds must be JSON."""
    made = data.compute(found, record or Record())
    text = html.text(made)
    _, _, rest = text.partition('<script type="application/json" id="data">')

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    json.loads(rest.partition("</script>")[0], parse_constant=refuse)
    return made, text


SINGLES = [evaluation(1, 10, 1.0 + k, (k + 1) * 10**9, 0.8 + k / 100) for k in range(4)]
ENSEMBLES = [evaluation(2, 10, 1.0 + k, (k + 1) * 10**9, 0.85 + k / 100) for k in range(4)]


def test_nothing_was_evaluated() -> None:
    made, text = page(study())
    assert (made.headline, made.sentences, made.views) == ("Nothing has been evaluated yet", (), ())
    assert "Nothing has been evaluated yet." in text
    assert "Every evaluation" not in text
    assert made.settings


def test_all_trials_failed() -> None:
    failure = Failure("trial 0: 2 × wide_resnet-10-1@32", "diverged", "")
    made, text = page(study(), Record(failures=(failure,)))
    assert made.failures == (failure,)
    assert "What failed, and why, stands below." in text
    assert "trial 0: 2 × wide_resnet-10-1@32" in text


def test_one_point() -> None:
    made, text = page(study(SINGLES[0]))
    assert made.sentences[0].value == "Within 5G FLOPs no ensemble has been evaluated."
    assert len(made.views[0].dots) == 1
    assert "at no budget do a single network and an ensemble have matched costs" in text


def test_single_networks_only() -> None:
    made, _ = page(study(*SINGLES))
    assert {card.take for card in made.cards} == {"10-4", "10-2", "10-1"}
    assert made.views[0].tradeoff.ensemble_front.costs == ()
    assert [chart.name for chart in made.charts] == ["calibration"]


def test_ensembles_only() -> None:
    made, _ = page(study(*ENSEMBLES))
    assert made.cards[0].take == "2 × 10-4"
    assert made.views[0].tradeoff.single_front.costs == ()


def test_everything_is_equal() -> None:
    same = [replace(e, scores=SINGLES[0].scores) for e in (*SINGLES, *ENSEMBLES)]
    made, _ = page(study(*same))
    low, high = made.views[0].tradeoff.y_range
    assert low < 80 < high
    assert {each.points for each in made.advantages.by_budget if each} == {0.0}


@pytest.mark.parametrize(
    "fields", [("nll", "nll_scaled", "ece", "brier", "disagreement"), ("accuracy",)]
)
def test_what_is_not_a_number_is_left_out(fields: tuple[str, ...]) -> None:
    scores = replace(SINGLES[0].scores, **dict.fromkeys(fields, math.nan))
    odd = replace(SINGLES[0], scores=scores)
    made, _ = page(study(odd, *SINGLES[1:], *ENSEMBLES))
    places = made.views[0].dots
    assert len(places) == 8
    assert files.summary(study(odd, *ENSEMBLES))["study"] == "cifar10-wide_resnet-5G"


def test_what_costs_nothing_has_no_place_on_a_logarithmic_axis() -> None:
    free = evaluation(1, 10, 1.0, 0, 0.7)
    made, text = page(study(free, *SINGLES))
    assert made.views[0].tradeoff.x_range[0] > 0
    assert text.count('<use href="#single" x=') >= 4


def test_many_evaluations_stay_a_page() -> None:
    """A page of 2,000 has a tenth of the bytes of one of 20,000, which may be 15 MB."""
    many = [
        evaluation(1 + k % 4, 10, 0.25 + k / 1000, 10**8 + k * 10**6, 0.5 + (k * 37 % 997) / 2000)
        for k in range(2000)
    ]
    found = study(*many[::10])
    made, text = page(replace(found, evaluations=tuple(many)))
    assert len(text.encode()) < 1_500_000
    assert len(made.table.rows) == 2000
    assert text.count("<tr>") < 500
    assert "The 300 most accurate of 2000 evaluations are listed." in text
