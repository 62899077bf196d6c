"""The answer of a study: what to take within a budget, and the words of every verdict."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from ensearch.errors import BudgetError, UsageError
from ensearch.fronts import STRONG, ToSettle, Verdict, Zone
from ensearch.fronts.verdicts import Ruled, Status, zone
from ensearch.report.study import answer, brief, words
from ensearch.report.study.findings import Settling
from ensearch.report.study.results import Results
from tests.worlds import conditions, evaluation, fronts_of, handmade, results, row

KEYS = ["verdict", "take", "runner_up", "expected_loss", "advantage", "low", "high", "budget"]
ENDS: dict[Verdict, tuple[float, float, float]] = {
    "ensembles": (0.03, 0.01, 0.05),
    "single": (-0.03, -0.05, -0.01),
    "equal": (0.001, -0.005, 0.006),
    "ensemble at worst equal": (0.01, -0.005, 0.03),
    "single at worst equal": (-0.01, -0.03, 0.005),
    "undecided": (0.01, -0.03, 0.05),
}


def study(*verdicts: Verdict) -> Results:
    """A study whose budgets 1G, 2G, 4G ... have these verdicts."""
    rows, found = [], []
    for k, verdict in enumerate(verdicts):
        budget = 10**9 * 2**k
        one = evaluation(1, 10 + 6 * k, 2.0, budget, 0.9)
        many = evaluation(2, 10 + 6 * k, 1.0, budget, 0.9 + ENDS[verdict][0])
        rows.append(row(budget, one, many, verdict, ENDS[verdict]))
        found += [one, many]
    budgets = tuple(float(r.budget) for r in rows)
    together = zone([Ruled(r.budget, r.verdict) for r in rows])
    return results(fronts_of(*rows, zone=together), found, budgets=budgets, budget=budgets[-1])


def test_an_answer_says_what_to_take_and_what_the_other_kind_is() -> None:
    found = handmade().answer()
    assert list(found.to_dict()) == KEYS
    assert (found.verdict, found.budget, found.advantage) == ("ensembles", 5e9, 0.02)
    assert found.take is not None
    assert (found.take.label, found.take.size, found.take.cost) == ("4 × 10-2", 4, 4_800_000_000)
    assert found.runner_up is not None
    assert found.runner_up.label == "28-10"
    assert max(map(len, str(found).splitlines())) <= 80


@pytest.mark.parametrize(
    ("verdict", "ends", "shown"),
    [
        ("ensemble at worst equal", (0.0075, -0.0114, 0.0281), ["-0.87"]),
        ("ensemble at worst equal", (0.0075, -0.0099, 0.0281), []),
        ("single at worst equal", (-0.0075, -0.0281, 0.0114), ["+0.93"]),
        ("equal", (0.0005, -0.005, 0.0104), ["-0.87", "+0.93"]),
        ("undecided", (0.0075, -0.0114, 0.0281), []),
        ("ensembles", (0.02, 0.001, 0.0281), []),
    ],
)
def test_what_an_interval_does_not_show_is_shown_by_a_bound_on_one_side(
    verdict: Verdict, ends: tuple[float, float, float], shown: list[str]
) -> None:
    """The margin is 1 point; the bound from below is -0.87 points, that from above +0.93."""
    plain = study(verdict)
    of_budget = replace(plain.fronts.rows[0], least=-0.0087, most=0.0093)
    of_budget = replace(of_budget, advantage=ends[0], low=ends[1], high=ends[2])
    fronts = replace(plain.fronts, rows=(of_budget,))
    sure = dict(replace(plain, fronts=fronts).answer().sentences)["how sure"]
    assert [bound for bound in ("-0.87", "+0.93") if bound in sure] == shown


@pytest.mark.parametrize(
    ("asked", "budget"),
    [(5e9, 5e9), ("4.9G", 2.5e9), ("2G", 1.25e9), (1e12, 5e9), ("1.25G", 1.25e9), (None, 5e9)],
)
def test_the_largest_compared_budget_within_answers(asked: str | None, budget: float) -> None:
    assert handmade().answer(asked).budget == budget


def test_a_budget_is_also_the_number_that_tables_show() -> None:
    whole = handmade()
    rows = (replace(whole.fronts.rows[0], budget=1_250_400_000.0), *whole.fronts.rows[1:])
    shown = replace(whole, fronts=replace(whole.fronts, rows=rows))
    assert shown.answer("1.25G").budget == 1_250_400_000.0


def test_a_budget_counts_what_the_study_counts() -> None:
    assert handmade(flops_per_mac=2).answer("5G").budget == 2.5e9


def test_no_answer_below_every_compared_budget() -> None:
    with pytest.raises(BudgetError) as caught:
        handmade().answer("1G")
    assert caught.value.facts["least"] == "1.25G"
    with pytest.raises(UsageError):
        handmade().answer("much")


@pytest.mark.parametrize("points", [0, -1, 101, 10**400, float("nan"), True, "1"])
def test_a_margin_is_points(points: float) -> None:
    with pytest.raises(UsageError) as caught:
        answer.margin_of(points)
    assert caught.value.facts["option"] == "margin"


def test_a_margin_is_a_fraction_inside() -> None:
    assert (answer.margin_of(None), answer.margin_of(0.5)) == (0.01, 0.005)


def test_there_is_no_verdict_while_the_search_is_under_way() -> None:
    whole = replace(handmade(), under_way=True, trials_asked=60)
    found = whole.answer()
    assert (found.verdict, found.advantage) == (None, 0.02)
    assert found.take is not None
    for said in (words.headline(whole), found.statement, found.overall, str(found)):
        assert "o far, after 42 of 60 trials" in said
        assert "better" not in said


@pytest.mark.parametrize("verdict", list(ENDS))
def test_every_verdict_has_a_sentence_of_its_own(verdict: Verdict) -> None:
    found = study(verdict)
    said = found.answer().statement
    assert said == words.overall(found)
    assert said.startswith("Within 1G FLOPs ")
    others = {study(other).answer().statement for other in ENDS if other != verdict}
    assert said not in others
    assert (" better." in said) == (verdict in STRONG and verdict != "equal")


@pytest.mark.parametrize(
    ("verdicts", "status", "said"),
    [
        (
            ("single", "undecided", "ensembles"),
            "crossed",
            "Single networks are better at 1G FLOPs, ensembles at 4G FLOPs; in between it is not "
            "decided.",
        ),
        (
            ("single at worst equal", "single", "ensembles", "ensembles"),
            "crossed",
            "Single networks are equal or better up to 2G FLOPs, ensembles are better from 4G "
            "FLOPs on; the crossover lies in between.",
        ),
        (
            ("undecided", "single", "equal", "ensembles", "undecided"),
            "crossed",
            "Single networks are better at 2G FLOPs, ensembles at 8G FLOPs; in between it makes "
            "less than 1 point of difference.",
        ),
        (
            ("undecided", "ensembles", "ensembles"),
            "ensembles",
            "Ensembles are better from 2G FLOPs on; below, it is not decided.",
        ),
        (
            ("ensembles", "ensemble at worst equal"),
            "ensembles",
            "Ensembles are equal or better at every compared budget, from 1G to 2G FLOPs.",
        ),
        (
            ("single", "single", "equal"),
            "singles",
            "Single networks are better up to 2G FLOPs; above, it makes less than 1 point of "
            "difference.",
        ),
        (
            ("equal", "equal"),
            "equal",
            "At every compared budget, from 1G to 2G FLOPs, it makes less than 1 point of "
            "difference which kind is taken.",
        ),
        (
            ("ensembles", "single"),
            "crosses back",
            "There is no single crossover: ensembles are better at 1G FLOPs, single networks at "
            "2G FLOPs, a larger budget.",
        ),
        (
            ("undecided", "undecided"),
            "undecided",
            "At no compared budget, from 1G to 2G FLOPs, is it decided yet which kind is better.",
        ),
        (
            ("single at worst equal", "single at worst equal", "undecided", "equal"),
            "undecided",
            "At 1G and 2G FLOPs single networks are equal or better, at 4G it is not decided, at "
            "8G it does not matter.",
        ),
        (
            ("undecided", "single at worst equal", "undecided", "ensemble at worst equal"),
            "undecided",
            "Of 4 compared budgets, from 1G to 8G FLOPs: ensembles are equal or better at 1, "
            "single networks are equal or better at 1, it is not decided at 2.",
        ),
    ],
)
def test_every_zone_has_a_sentence(
    verdicts: tuple[Verdict, ...], status: Status, said: str
) -> None:
    found = study(*verdicts)
    assert found.fronts.zone.status == status
    assert words.overall(found) == said


def test_a_zone_in_few_words() -> None:
    c = conditions()
    statuses: list[Status] = [
        "crossed", "ensembles", "singles", "equal", "crosses back", "undecided"
    ]  # fmt: skip
    said = [words.short(Zone(status=status, low=1e9, high=4e9), c) for status in statuses]
    assert said[:3] == [
        "crossed between 1G and 4G",
        "ensembles from 1G",
        "single networks up to 4G",
    ]
    assert len(set(said)) == 6


def test_what_would_settle_a_budget_names_networks_images_and_time() -> None:
    found = study("undecided", "undecided")
    keys = [e.network for e in found.evaluations if e.is_single]
    top = found.fronts.rows[-1]
    macs = found.train_macs / 10  # a tenth of 11,520 s

    def said(seeds: dict[str, int] | None, images: int | None) -> tuple[str, ...]:
        needs = ToSettle(seeds, macs, images, 0.04, 0.01, 0.03)
        return words.to_settle(replace(top, to_settle=needs), found)

    assert said({keys[0]: 8}, None) == ("8 more seeds of 10-2, about 19m12s",)
    assert said({keys[0]: 1, keys[1]: 8}, 20_000) == (
        "1 more seed of 10-2 and 8 more seeds of 16-2, about 19m12s",
        "20,000 val images instead of 5,000",
    )
    assert said(None, None) == ()
    assert words.to_settle(top, found) == ()


def test_a_line_names_as_many_ways_to_settle_a_budget_as_it_takes() -> None:
    found = study("undecided", "undecided", "undecided")
    keys = [e.network for e in found.evaluations if e.is_single]
    needs = ToSettle({keys[0]: 1, keys[1]: 8}, found.train_macs / 10, 20_000, 0.04, 0.01, 0.03)
    rows = tuple(replace(r, to_settle=needs) for r in found.fronts.rows)
    found = replace(found, fronts=replace(found.fronts, rows=rows))
    seeds = "To settle 2G: 1 more seed of 10-2 and 8 more seeds of 16-2, about 19m12s"
    assert f"{seeds}." in brief.lines(found, 80)
    assert f"{seeds}, or 20,000 val images instead of 5,000." in brief.lines(found, 120)


def shown(found: Results, width: int = 80) -> list[str]:
    stream = StringIO()
    Console(file=stream, width=width).print(found.brief())
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_the_looks_at_a_study_are_told_and_none_is_a_verdict_before_the_last() -> None:
    assert words.looked(handmade()) == ""
    settling = Settling(
        train_macs=3e14, searched_macs=1.2e15, looks=2, most_looks=4, under_way=True
    )
    on_the_way = replace(handmade(), under_way=True, looks=3, settling=settling)
    said = answer.of(on_the_way)
    assert said.verdict is None
    assert said.statement.startswith("So far, after 42 trials and 2 of at most 4 looks, the best")
    assert said.sentences[1] == ("how sure", "There is no verdict before settling it is over.")
    over = replace(on_the_way, under_way=False, settling=replace(settling, under_way=False))
    assert "This is look 3 at the study; settling it has cost 0.25 times" in str(
        " ".join(str(answer.of(over)).split())
    )
    resumed = replace(handmade(), looks=2)
    assert words.looked(resumed) == ("This is look 2 at the study, which its interval allows for.")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_brief_has_at_most_17_lines_up_to_120_characters_wide(width: int) -> None:
    needs = ToSettle(None, 0.0, 20_000, 0.04, 0.01, 0.03)
    undecided: Verdict = "undecided"
    for count in (1, 2, 3, 10, 20):
        found = study(*([undecided] * count))
        rows = tuple(replace(r, to_settle=needs) for r in found.fronts.rows)
        found = replace(found, fronts=replace(found.fronts, rows=rows))
        lines = shown(found, width)
        assert len(lines) <= brief.LINES == 17
        assert max(map(len, lines)) <= {40: 80, 80: 80, 200: 120}[width]
        assert lines[0].startswith("answer")


def test_a_brief_lists_the_other_budgets_the_largest_first() -> None:
    lines = shown(handmade())
    start = next(k for k, line in enumerate(lines) if line.startswith("Budget"))
    cells = [line.strip().split("  ") for line in lines[start + 1 :]]
    assert [(cell[0], cell[-1]) for cell in cells] == [
        ("2.5G", "undecided"),
        ("1.25G", "single"),
    ]


def test_a_brief_marks_what_is_taken_because_it_is_simpler() -> None:
    whole = handmade()
    low, middle, top = whole.fronts.rows
    tied = replace(
        middle,
        take=middle.single,
        single_accuracy=0.932,
        ensemble_accuracy=0.934,
        take_accuracy=0.932,
    )
    lines = shown(replace(whole, fronts=replace(whole.fronts, rows=(low, tied, top))))
    assert [
        brief.SIMPLER in line for line in lines if line.lstrip().startswith(("2.5G", "1.25G"))
    ] == [
        True,
        False,
    ]
    assert lines[-1].startswith(f"{brief.SIMPLER} simpler than the best")


def test_an_estimate_stands_beside_what_was_measured_with_a_word() -> None:
    """The accuracies that are compared are those whose difference is told."""
    whole = handmade()
    assert "luck of selecting" not in " ".join(str(whole.answer()).split())
    top = replace(
        whole.fronts.rows[2],
        advantage=0.012,
        single_accuracy=0.932,
        ensemble_accuracy=0.944,
        take_accuracy=0.944,
        runner_up_accuracy=0.932,
    )
    found = replace(whole, fronts=replace(whole.fronts, rows=(*whole.fronts.rows[:2], top)))
    said = found.answer()
    assert said.take is not None
    assert (said.take.accuracy, said.take.measured) == (0.944, 0.95)
    words = " ".join(str(said).split())
    assert "about 94.40 % (measured 95.00 %)" in words
    assert "taking it would lose 1.20 points" in words
    assert "luck of selecting" in words


def test_a_simpler_configuration_that_is_taken_is_said_to_be_one() -> None:
    """What one would gain with the other is told from what is taken, not from the best."""
    whole = handmade()
    top = whole.fronts.rows[2]
    top = replace(
        top,
        take=whole.fronts.rows[0].single,
        runner_up=top.ensemble,
        single_accuracy=0.93,
        ensemble_accuracy=0.945,
        take_accuracy=0.94,
        runner_up_accuracy=0.945,
    )
    found = replace(whole, fronts=replace(whole.fronts, rows=(*whole.fronts.rows[:2], top)))
    words = " ".join(str(found.answer()).split())
    assert "simpler than the best" in words
    assert "would gain 0.50 points" in words
