"""`ensearch compare`: two studies side by side."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, Group

import ensearch as package
from ensearch.errors import UsageError
from ensearch.report.study import comparison
from ensearch.units import parameters
from tests.command_line import ensearch, quick
from tests.worlds import handmade

NAME = "digits-tiny-400k"


def test_two_studies_are_shown_side_by_side(studied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    assert quick("--study other --seeds 2 --seed 0").exit_code == 0
    shown = ensearch(f"compare {NAME} other")
    assert shown.exit_code == 0, shown.stderr
    assert "seeds: 3 | 2" in shown.stdout
    assert "estimates on the same validation images" in shown.stdout
    found = json.loads(ensearch(f"compare {NAME} other --json").stdout)
    assert found["differences"] == {"seeds": [3, 2]}
    assert found["same_images"]
    first = {row.budget: row for row in package.results(NAME).fronts.rows}
    second = {row.budget: row for row in package.results("other").fronts.rows}
    assert [row["budget"] for row in found["budgets"]] == sorted(first)
    differences = 0
    for row in found["budgets"]:
        one, other = first[row["budget"]], second[row["budget"]]
        assert row["first"]["accuracy"] == one.take_accuracy
        assert row["second"]["accuracy"] == other.take_accuracy
        assert row["first"]["verdict"] == one.verdict
        if one.take_accuracy is not None and other.take_accuracy is not None:
            assert row["difference"] == other.take_accuracy - one.take_accuracy
            differences += 1
    assert differences
    lines = list(csv.DictReader(io.StringIO(ensearch(f"compare {NAME} other --csv").stdout)))
    assert [float(line["budget_multiply_adds"]) for line in lines] == sorted(first)
    assert [line["first_take"] for line in lines] == [r["first"]["take"] for r in found["budgets"]]
    unknown = ensearch(f"compare {NAME} othr")
    assert (unknown.exit_code, "Did you mean 'other'" in unknown.stderr) == (4, True)


def test_several_studies_are_reported_on_one_page(studied: Path) -> None:
    assert quick("--study other").exit_code == 0  # of the same members, which are there
    shown = ensearch(f"report {NAME} other")
    assert shown.exit_code == 0, shown.stderr
    assert [line for line in shown.stdout.splitlines() if line.startswith("study")] == [
        f"study     {NAME}",
        "study     other",
    ]
    page = studied / "studies" / "ensearch.reports" / f"{NAME}+other" / "index.html"
    assert shown.stderr.endswith(f"page      {page}\n")
    assert f"<h2>{NAME}</h2>" in page.read_text()
    twice = ensearch(f"report {NAME} {NAME}")
    assert (twice.exit_code, "named once" in twice.stderr) == (2, True)


def test_studies_of_other_images_or_budgets(studied: Path) -> None:
    assert quick("--study other --seed 1 --budget 3e5").exit_code == 0
    compared = package.compare(NAME, "other")
    assert not compared.same_images
    assert "their accuracies do not compare" in compared.note
    assert {"budget", "seed", "fingerprint"} <= compared.differences.keys()
    assert {(row.first is None, row.second is None) for row in compared.rows} == {
        (False, True),
        (True, False),
    }
    assert all(row.difference is None for row in compared.rows)


def test_accuracies_on_other_images_have_no_difference() -> None:
    found = handmade()
    rows = tuple(replace(row, take_accuracy=0.9) for row in found.fronts.rows)
    found = replace(found, fronts=replace(found.fronts, rows=rows))
    same = comparison.compare(found, found)
    assert {row.difference for row in same.rows} == {0.0}
    assert "Difference" in printed(same.table())
    moved = replace(
        found, config={**found.config, "fingerprint": "0", "val": 20_000, "budget": 4e6}
    )
    other = comparison.compare(replace(found, config={**found.config, "budget": 2e6}), moved)
    assert {row.difference for row in other.rows} == {None}
    shown = printed(other.table())
    assert "Difference" not in shown
    assert "budget: 2M | 4M" in shown
    assert "val: not given | 20000" in shown


def printed(table: Group) -> str:
    console = Console(width=140, file=io.StringIO())
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_budgets_of_two_units_do_not_compare() -> None:
    first = handmade()
    other = handmade(other_axis=parameters())
    with pytest.raises(UsageError, match="budgets of FLOPs and parameters"):
        comparison.compare(first, other)
