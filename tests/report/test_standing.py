"""How a search stands: who is ahead where, as measured, and the fronts in characters."""

from ensearch.core import Evaluation
from ensearch.report.study import characters, standing
from ensearch.units import flops
from tests.worlds import evaluation

AXIS = flops(1)
BUDGETS = (250_000.0, 500_000.0, 1_000_000.0)


def rows(*leads: float) -> list[Evaluation]:
    """A single network and an ensemble at each budget, the ensemble so many points ahead."""
    found = []
    for step, (budget, lead) in enumerate(zip(BUDGETS, leads, strict=True)):
        single = 0.9 + 0.02 * step
        found.append(evaluation(1, 10, 1 + step, int(budget), single))
        found.append(evaluation(2, 10, 0.5 + step, int(budget), single + lead / 100))
    return found


def said(*leads: float) -> str:
    stands = standing.compute(rows(*leads), BUDGETS, AXIS)
    return dict(standing.sentences(stands, AXIS))["so far"]


def test_it_says_who_is_ahead_at_which_budgets() -> None:
    end = ", as measured, without an interval."
    assert said(0.5, 0.5, 0.8) == (
        f"Ensembles are ahead at 250k to 1M FLOPs (by 0.80 points at 1M){end}"
    )
    assert said(-0.5, 0.25, 0.5) == (
        "Single networks are ahead at 250k, ensembles are ahead at 500k and 1M FLOPs "
        f"(by 0.50 points at 1M){end}"
    )
    assert said(0.5, -0.25, 0.0) == (
        "Ensembles are ahead at 250k, single networks are ahead at 500k, both are equal at 1M "
        f"FLOPs{end}"
    )


def test_what_is_confirmed_is_what_the_search_found() -> None:
    stands = standing.compute(rows(0.5, 0.5, 0.8), BUDGETS, AXIS)
    assert standing.sentences(stands, AXIS, is_over=True)[-1] == (
        "searched",
        "Ensembles are ahead at 250k to 1M FLOPs (by 0.80 points at 1M), as the search measured on "
        "val, without an interval.",
    )


def test_alternating_leads_are_counted() -> None:
    budgets = tuple(1e5 * 2.0**step for step in range(6))
    found = []
    for step, budget in enumerate(budgets):
        single = 0.8 + 0.02 * step
        found.append(evaluation(1, 10, 1 + step, int(budget), single))
        lead = 0.005 if step % 2 else -0.005
        found.append(evaluation(2, 10, 0.5 + step, int(budget), single + lead))
    stands = standing.compute(found, budgets, AXIS)
    assert dict(standing.sentences(stands, AXIS))["so far"].startswith(
        "Of 6 budgets, ensembles are ahead at 3, single networks are ahead at 3 (by 0.50 points"
    )


def test_nothing_is_compared_before_both_kinds_are_there() -> None:
    single = evaluation(1, 10, 1, 900_000, 0.9)
    for found in ([], [single]):
        stands = standing.compute(found, BUDGETS, AXIS)
        sentences = dict(standing.sentences(stands, AXIS))
        assert stands.leads == ()
        assert sentences["ensemble"] == "No ensemble has been evaluated yet."
        assert sentences["so far"].startswith("No budget has a single network and an ensemble")
    said = standing.sentences(stands, AXIS, is_over=True)[-1]
    assert said == (
        "searched",
        "No budget has a single network and an ensemble of comparable cost.",
    )
    assert sentences["single"] == "The best single network is 10-1: 90.00 % at 900k FLOPs."


def test_fronts_are_drawn_in_characters() -> None:
    stands = standing.compute(rows(-0.5, 0.5, 0.5), BUDGETS, AXIS)
    assert [point.accuracy for point in stands.single_front] == [90, 92, 94]
    for marks in (characters.UNICODE, characters.ASCII):
        lines = [line.plain for line in characters.plot(stands, "FLOPs", 60, 8, marks)]
        assert len(lines) == 8 + 3
        assert max(map(len, lines)) <= 60
        assert lines[0].startswith(" 94.50 ")
        assert lines[0].endswith(marks.ensemble)
        # The cheapest two lie more than three points below: they would press the rest together.
        assert sum(line.count(marks.single) for line in lines[:8]) == 2
        assert sum(line.count(marks.ensemble) for line in lines[:8]) == 2
        assert lines[9].split() == ["250k", "500k", "1M"]
    assert all(line.isascii() for line in lines)


def test_two_thirds_of_the_corners_are_drawn_at_least() -> None:
    rising = [evaluation(1, 10, 1 + k, 10**5 * 2**k, 0.4 + 0.05 * k) for k in range(6)]
    stands = standing.compute(rising, BUDGETS, AXIS)
    lines = [line.plain for line in characters.plot(stands, "FLOPs", 60, 8, characters.ASCII)]
    assert sum(line.count(characters.ASCII.single) for line in lines[:8]) == 4
    assert lines[7].startswith(" 50.00 ")


def test_no_plot_where_there_is_no_room_or_nothing_to_draw() -> None:
    stands = standing.compute(rows(1, 1, 1), BUDGETS, AXIS)
    assert characters.plot(stands, "FLOPs", 40, 8, characters.ASCII) == []
    assert characters.plot(stands, "FLOPs", 60, 3, characters.ASCII) == []
    nothing = standing.compute([], BUDGETS, AXIS)
    assert characters.plot(nothing, "FLOPs", 60, 8, characters.ASCII) == []


def test_one_point_and_equal_accuracies_are_drawn() -> None:
    for found in ([evaluation(1, 10, 1, 1_000_000, 1.0)], rows(0, 0, 0)[:2]):
        stands = standing.compute(found, BUDGETS, AXIS)
        lines = characters.plot(stands, "FLOPs", 60, 8, characters.ASCII)
        assert lines[0].plain.startswith(f"{100 * found[0].scores.accuracy:6.2f}")
