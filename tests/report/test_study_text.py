"""The sentences and the table of a study."""

import re
from dataclasses import replace
from io import StringIO

from rich.console import Console

from ensearch.core import Architecture
from ensearch.report.study import figure_data, text
from ensearch.report.study.results import Results
from tests.worlds import evaluation, fronts_of, handmade, results, row


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
    assert drawn.advantages[0].budget == 2.5e9


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
        "FLOPs (multiply-adds)",
        "Data: cifar10, 10 classes. Scored on 5,000 val images",
        "optimistic",
        "10 epochs of 45,000 images. Only a short schedule was tried",
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


def test_the_accuracies_of_a_line_are_those_whose_difference_it_tells() -> None:
    plain = handmade()
    assert "luck of selecting" not in " ".join(text.conditions(plain))
    assert not figure_data.compute(plain).corrected
    low = replace(
        plain.fronts.rows[0], advantage=-0.015, single_accuracy=0.895, ensemble_accuracy=0.88
    )
    estimated = replace(plain, fronts=replace(plain.fronts, rows=(low, *plain.fronts.rows[1:])))
    assert "luck of selecting" in " ".join(text.conditions(estimated))
    assert figure_data.compute(estimated).corrected
    bottom = text.lines(estimated)[-1]
    assert (bottom.single_accuracy, bottom.ensemble_accuracy) == ("89.50", "88.00")
    assert bottom.advantage.startswith("-1.50")


def test_a_label_is_explained_by_one_of_the_study() -> None:
    assert "4 × 10-2 is 4 members of depth 10 and width 2. " in " ".join(
        text.conditions(handmade())
    )
    named = replace(
        evaluation(1, 1, 1.0, 10**9, 0.9),
        architecture=Architecture(family="timm:resnet18", width=1, depth=1, resolution=32),
    )
    found = results(fronts_of(row(1e9, named, None)), [named])
    assert "resnet18 is 1 member of resnet18. " in " ".join(text.conditions(found))
