"""Options of `report`."""

import csv
from pathlib import Path

from ensearch import results
from tests.command_line import ensearch

STUDY = "digits-tiny-400k"


def test_figures_for_a_paper_are_written_with_their_data(studied: Path) -> None:
    line = f"report {STUDY} --figures tradeoff,advantage --format pdf --out paper"
    done = ensearch(line)
    assert done.exit_code == 0, done.stderr
    assert {path.name for path in Path("paper").glob("figure-*")} == {
        "figure-advantage.csv", "figure-advantage.pdf", "figure-tradeoff.csv", "figure-tradeoff.pdf"
    }  # fmt: skip
    tried = list(csv.DictReader(Path("paper/figure-tradeoff.csv").read_text().splitlines()))
    assert sum(row["configuration"] != "" for row in tried) == len(results(STUDY).evaluations)
    assert not list((studied / "studies/ensearch.reports").rglob("figure-*"))
