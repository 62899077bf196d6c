"""The figures of studies/paper.md are those of the files that its rows link to."""

import csv
import json
import re
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats

from ensearch.fronts import widening

STUDIES = Path(__file__).parents[1] / "studies"
PAGE = STUDIES / "paper.md"
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "](20" in line]
INTERVAL = r"[+-][\d.]+ \[[^\]]+\]"


def test_claims_have_a_section_and_a_command_each() -> None:
    sections = PAGE.read_text().split("\n## ")[1:]
    assert len(sections) == 7
    for section in sections:
        assert "**Only a GPU can show**" in section
        assert "claim 1" in section or re.search(r"^ {4}(ensearch|bash) ", section, re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:50])
def test_figures_are_those_of_the_linked_file(row: str) -> None:
    (linked,) = re.findall(r"\]\(([^)]+)\)", row)
    told = re.findall(INTERVAL, row)
    if linked.endswith(".json"):
        assert told == [slope(STUDIES / linked)]
    elif linked.endswith(".csv"):
        figures = gains(STUDIES / linked) if told else accuracies(STUDIES / linked)
        assert " | ".join(figures) in row
    else:
        text = " ".join((STUDIES / linked).read_text().split()).replace(" points [", " [")
        assert told
        for one in told:
            assert one in text


def slope(path: Path) -> str:
    """How the advantage changes with every doubling of the budget, as the page says it."""
    rows: Any = [
        SimpleNamespace(
            budget=row["budget_multiply_adds"],
            matched=row["matched"],
            advantage=row["advantage_fraction"],
            low=row["advantage_low"],
            high=row["advantage_high"],
        )
        for row in json.loads(path.read_text())["rows"]
    ]
    found = widening.slope(rows)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    return f"{100 * found.value:+.2f} [{100 * found.low:+.2f}, {100 * found.high:+.2f}]"


def gains(path: Path) -> list[str]:
    """What a second and a third member gain, over networks of which three were trained."""
    triples = [by for by in measured(path).values() if {1, 2, 3} <= set(by)]
    second = np.array([by[2] - by[1] for by in triples])
    third = np.array([by[3] - by[2] for by in triples])
    less, n = second - third, len(triples)
    half = scipy.stats.t.ppf(0.975, n - 1) * less.std(ddof=1) / n**0.5
    interval = f"[{less.mean() - half:+.2f}, {less.mean() + half:+.2f}]"
    return [
        f"{n}",
        f"{second.mean():+.2f}",
        f"{third.mean():+.2f}",
        f"{less.mean():+.2f} {interval}",
    ]


def accuracies(path: Path) -> list[str]:
    """The accuracies of the first members of the network that has the most of them, in percent."""
    *most, last = [f"{one:.2f}" for one in max(measured(path).values(), key=len).values()]
    return [f"{', '.join(most)} and {last} %"]


def measured(path: Path) -> dict[str, dict[int, float]]:
    """Accuracies in percent by network and size."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    (accuracy,) = [name for name in rows[0] if re.fullmatch(r"accuracy_\w+_fraction", name)][-1:]
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for row in rows:
        if row["measured"] == "yes":
            found[row["architecture"]][int(row["size"])] = 100 * float(row[accuracy])
    return found
