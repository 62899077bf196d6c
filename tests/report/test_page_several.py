"""Several studies on one page, of studies whose numbers are given."""

import json
from dataclasses import replace

import pytest

from ensearch.report.page import html, several
from ensearch.report.study import brief
from ensearch.report.study.results import Results
from tests.worlds import evaluation, fronts_of, handmade, results, row


@pytest.fixture
def widening() -> Results:
    """The advantage grows by a point with every doubling, and is known to half a point."""
    one = [evaluation(1, 10, 1.0 + k, 10**9 * 2**k, 0.9) for k in range(3)]
    many = [evaluation(2, 10, 0.5 + k, 10**9 * 2**k, 0.91 + k / 100) for k in range(3)]
    rows = [
        row(1e9 * 2**k, one[k], many[k], "ensembles", (d, d - 0.005, d + 0.005))
        for k, d in enumerate((0.01, 0.02, 0.03))
    ]
    return results(fronts_of(*rows), [*one, *many], study="other", budgets=(1e9, 2e9, 4e9))


def test_both_answers_and_both_slopes(widening: Results) -> None:
    made = several.compute([handmade(), widening])
    assert [side.study for side in made.sides] == ["cifar10-wide_resnet-5G", "other"]
    for side, found in zip(made.sides, (handmade(), widening), strict=True):
        assert side.sentences[0] == ("answer", brief.first(found))
    assert made.sides[0].line == ()
    assert made.sides[0].widens.startswith("Fewer than three budgets are matched")
    assert made.sides[1].line[0] == pytest.approx((1e9, 1.0))
    assert made.sides[1].line[1] == pytest.approx((4e9, 3.0))
    assert made.sides[1].widens == (
        "With every doubling of the budget the advantage changes by +1.00 [+0.50, +1.50] points, "
        "so that it grows with the budget."
    )
    slope = made.content["studies"][1]["advantage_per_doubling"]
    assert (slope["fraction"], slope["budgets"]) == (pytest.approx(0.01), 3)
    assert made.content["studies"][0]["advantage_per_doubling"] is None
    assert made.x_range[0] < 1e9
    assert made.x_range[1] > 5e9


def test_a_confirmation_stands_beside_its_search() -> None:
    found = handmade()
    confirmed = replace(
        found, conditions=replace(found.conditions, stage="retrained", split="test")
    )
    made = several.compute([found, confirmed])
    assert made.title == "cifar10-wide_resnet-5G"
    assert [side.study for side in made.sides] == [
        "cifar10-wide_resnet-5G",
        "cifar10-wide_resnet-5G, retrained, on test",
    ]
    assert made.sides[1].conditions.endswith("of members that the search had not seen.")


def test_a_search_that_is_under_way_has_no_slope(widening: Results) -> None:
    side = several.compute([replace(widening, under_way=True)]).sides[0]
    assert side.line == ()
    assert side.widens.startswith("So far")


def test_the_page_is_whole_and_what_studies_contain_stays_text(widening: Results) -> None:
    name = "<script>alert(1)</script>"
    hostile = replace(widening, conditions=replace(widening.conditions, study=name))
    text = html.of_several(several.compute([handmade(), hostile, widening]))
    assert name not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3
    assert "Does the gap widen with size?" in text
    assert text.count("<script") == 2
    data = text.partition('id="data">')[2].partition("</script>")[0]
    assert [one["study"] for one in json.loads(data)["studies"]] == [
        "cifar10-wide_resnet-5G",
        name,
        "other",
    ]
