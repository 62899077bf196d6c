"""The sentences and the table of a study."""

import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from ensearch.fronts.crossover import Status
from ensearch.report.study import figure_data, text
from ensearch.report.study.results import Results
from tests.worlds import SENTENCE, handmade


def printed(found: Results, width: int = 80) -> str:
    stream = StringIO()
    Console(file=stream, width=width).print(found.table())
    return stream.getvalue()


def test_a_line_says_what_won_at_a_budget_and_by_how_much() -> None:
    top, middle, bottom = text.lines(handmade())
    assert top == (
        "5G",
        "28-10",
        "93.00",
        "4.9G",
        "4 × 10-2",
        "95.00",
        "4.8G",
        "+2.00 [+0.50, +3.50]",
    )
    assert middle.advantage == "not matched"
    assert bottom.advantage == "-2.00 [-3.00, -1.00]"


def test_counting_two_per_multiply_add_doubles_what_is_shown() -> None:
    found = handmade(flops_per_mac=2)
    assert text.lines(found)[0].budget == "10G"
    assert text.lines(found)[0].single_cost == "9.8G"
    assert "FLOPs (2 per multiply-add)" in printed(found)
    drawn = figure_data.compute(found)
    assert drawn.singles[0].cost == 2.4e9
    assert drawn.gaps[0].budget == 2.5e9


def test_headline_names_the_crossover_and_the_open_end_of_its_interval() -> None:
    assert (
        text.headline(handmade())
        == "Ensembles win above 2.5G FLOPs (95 % interval 1.5G to above 5G)"
    )


@pytest.mark.parametrize(
    ("status", "start"),
    [
        ("ensembles always", "Ensembles lead at every matched budget from 1.25G to 5G"),
        ("singles always", "Single networks lead at every matched budget from 1.25G to 5G"),
        ("crosses back", "The lead changes hands more than once from 1.25G to 5G"),
        ("not identifiable", "No clear winner from 1.25G to 5G"),
    ],
)
def test_headline_says_every_status(status: Status, start: str) -> None:
    found = handmade()
    crossover = replace(found.fronts.crossover, status=status, budget=None)
    found = replace(found, fronts=replace(found.fronts, crossover=crossover))
    assert text.headline(found).startswith(start)


def test_headline_of_one_clear_side_without_a_crossover() -> None:
    found = handmade()
    crossover = replace(found.fronts.crossover, status="not identifiable", budget=None)
    rows = (*found.fronts.rows[:2], replace(found.fronts.rows[2], low=-0.01))
    fronts = replace(found.fronts, rows=rows, crossover=crossover)
    assert text.headline(replace(found, fronts=fronts)).startswith(
        "Single networks are clearly ahead at 1.25G FLOPs"
    )


def test_table_holds_its_numbers_and_its_conditions_in_80_columns() -> None:
    shown = printed(handmade())
    assert "\x1b" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert re.search(
        r"^ +5G +28-10 +93\.00 +4\.9G +4 × 10-2 +95\.00 +4\.8G +\+2\.00 \[\+0\.50, \+3\.50\]",
        shown,
        re.MULTILINE,
    )
    flat = " ".join(shown.split())
    for needed in (
        SENTENCE,
        "FLOPs (multiply-adds)",
        "Data: cifar10, 10 classes. Scored on 5,000 val images",
        "optimistic",
        "10 epochs of 45,000 images. Short schedule only",
        "longer training may move fronts and crossover",
        "seed 0; arithmetic mean",
        "41 trials done by tpe, 2 failed (diverged 1, killed 1); 63 members",
        "3h12m of worker time, an estimated 1.2P FLOPs",
        "Not matched:",
    ):
        assert needed in flat


def test_not_matched_is_explained_only_where_it_appears() -> None:
    found = handmade()
    rows = (found.fronts.rows[0], found.fronts.rows[2])
    found = replace(found, fronts=replace(found.fronts, rows=rows))
    assert "ot matched" not in printed(found)


def test_a_narrow_terminal_cuts_no_number() -> None:
    shown = printed(handmade(), width=46)
    for number in ("1.25G", "93.00", "95.00", "4.9G", "4.8G"):
        assert number in shown
    assert "…" not in shown


def test_a_correction_is_said_beside_the_advantage_and_in_the_figure() -> None:
    plain = handmade()
    assert "corrected by" not in " ".join(text.conditions(plain))
    assert not figure_data.compute(plain).corrected
    corrected = replace(plain, fronts=replace(plain.fronts, correction=-0.0405))
    assert (
        "95 % band, corrected by +4.05 points by which selecting biases single networks upward "
        "more, so "
        "that it differs from that of the columns."
    ) in " ".join(text.conditions(corrected))
    assert figure_data.compute(corrected).corrected


def test_a_single_matched_budget_is_no_range() -> None:
    whole = handmade()
    rows = (replace(whole.fronts.rows[0], high=0.01), replace(whole.fronts.rows[2], matched=False))
    crossover = replace(whole.fronts.crossover, status="not identifiable", budget=None)
    one = replace(whole, fronts=replace(whole.fronts, rows=rows, crossover=crossover))
    assert text.headline(one) == "No clear winner at 1.25G FLOPs"
