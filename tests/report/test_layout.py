"""Tables at any width: a row that does not fit goes on below, and no cell is broken."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ensearch.report._layout import fitted, wrapped
from ensearch.report.study import text
from ensearch.report.study.comparison import compare
from tests.worlds import handmade

ROWS = [
    ("Budget", "Take", "Verdict"),
    ("2M", "3 × 10-0.625", "single at worst equal"),
    ("1M", "", ""),
]


def test_what_fits_is_one_line_with_columns() -> None:
    assert fitted(ROWS, 41, right={0}) == [
        ["Budget Take         Verdict"],
        ["    2M 3 × 10-0.625 single at worst equal"],
        ["    1M"],
    ]


def test_what_does_not_fit_stands_below_and_nothing_is_broken() -> None:
    assert fitted(ROWS, 40, right={0}) == [
        ["Budget Take", "    Verdict"],
        ["    2M 3 × 10-0.625", "    single at worst equal"],
        ["    1M"],
    ]
    assert [len(lines) for lines in fitted(ROWS, 5)] == [3, 3, 1]


@pytest.mark.parametrize("width", range(24, 60))
def test_a_sentence_is_broken_between_words_alone(width: int) -> None:
    parts = ("-0.19 [-1.29, +0.78]", "1.50 [0.65, ∞)", "3 × 10-0.625", "98.38 %")
    lines = wrapped(f"Ensemble minus single: {' points, '.join(parts)} of val.", width)
    assert max(map(len, lines)) <= width
    for part in parts:
        assert any(part in line for line in lines), part


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_table_breaks_a_word_or_an_interval(width: int) -> None:
    found = handmade()
    other = replace(found, conditions=replace(found.conditions, study="another-study-of-it"))
    for shown in (found.brief(), found.table(), compare(found, other).table()):
        console = Console(file=io.StringIO(), width=width)
        console.print(shown)
        assert isinstance(console.file, io.StringIO)
        printed = console.file.getvalue()
        assert max(map(len, printed.splitlines())) <= width
        assert "…" not in printed
        for line in printed.splitlines():  # an interval is whole on its line
            assert line.count("[") == line.count("]"), line
    table = io.StringIO()
    Console(file=table, width=width).print(found.table())
    for cells in text.lines(found):
        for cell in cells:
            assert cell in table.getvalue(), cell
