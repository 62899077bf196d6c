"""The page of a study as HTML: whole, small, and that nothing of a study executes in it."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import matplotlib
import pytest

from ensearch.fronts import analysis
from ensearch.report.page import data, html
from ensearch.report.study.records import Failure, Record
from ensearch.report.study.results import Results
from tests.worlds import evaluation, handmade, results

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"' $x$ {{ 7 * 7 }}"


class Parsed(HTMLParser):
    """Tags with their attributes, ids, and the text outside of styles and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data


def text_of(found: Results, record: Record | None = None) -> str:
    return html.text(data.compute(found, record or Record(), settles=True))


def embedded(page: str) -> Any:
    content = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert content is not None
    return json.loads(content[1])


@pytest.fixture(scope="module")
def page() -> str:
    return text_of(handmade())


def test_the_page_has_its_parts_in_order(page: str) -> None:
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    assert heads == [
        "Accuracy against cost",
        "What an ensemble gains, by budget",
        "What to take, by budget",
        "What would settle it",
        "Why ensembles gain, and how the study went",
        "What was tried, by budget",
        "Every evaluation",
        "What the numbers are true of",
    ]
    assert "ensearch export cifar10-wide_resnet-5G --budget 5G" in page
    assert "crossover</text>" in page
    assert [page.count(f'<use href="#{kind}" x="17"') for kind in ("single", "ensemble")] == [1, 1]
    first = page.partition('data-figure="tradeoff-1"')[2].partition("</svg>")[0]
    assert [first.count(f'<use href="#{kind}"') for kind in ("single", "ensemble")] == [2, 2]
    assert "4 × 10-2: 4 of depth 10, width 2; 4.8G FLOPs, 95.00 %, 4 trained" in page


def test_the_page_says_whether_a_budget_is_left_to_settle(page: str) -> None:
    decided = "every budget at which the two kinds are matched is decided"
    helpless = "More seeds or images would settle none of the budgets."
    assert (decided in page, helpless in page) == (True, False)
    found = handmade()
    *rows, last = found.fronts.rows
    rows.append(replace(last, verdict="undecided"))
    left = text_of(replace(found, fronts=replace(found.fronts, rows=tuple(rows))))
    assert (decided in left, helpless in left) == (False, True)


def test_nothing_is_asked_of_the_network(page: str) -> None:
    loaded = [
        (tag, name, value)
        for tag, attributes in Parsed(page).tags
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "action") and not (value or "").startswith("#")
    ]
    assert loaded == []
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_the_data_of_the_page_are_its_summary_and_its_evaluations(page: str) -> None:
    content = embedded(page)
    assert content["summary"]["study"] == "cifar10-wide_resnet-5G"
    assert len(content["tables"][0]["rows"]) == 4


def test_what_a_study_contains_stays_text() -> None:
    found = handmade(study=HOSTILE, dataset=HOSTILE, family=HOSTILE)
    found = replace(
        found,
        config={"name": HOSTILE},
        environment={HOSTILE: {HOSTILE: HOSTILE}},
        notes=(HOSTILE,),
        failures={HOSTILE: 1},
    )
    made = text_of(found, Record(failures=(Failure(HOSTILE, HOSTILE, HOSTILE),)))
    parsed = Parsed(made)
    assert [tag for tag, _ in parsed.tags].count("script") == 2
    assert "img" not in [tag for tag, _ in parsed.tags]
    assert not any(name.startswith("on") for _, given in parsed.tags for name in given)
    assert parsed.text.count(HOSTILE) > 5
    assert embedded(made)["summary"]["study"] == HOSTILE


def test_only_the_script_of_the_page_may_run(page: str) -> None:
    policy = next(given for tag, given in Parsed(page).tags if "http-equiv" in given)
    assert policy["content"] is not None
    assert policy["content"].startswith("default-src 'none'; ")
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='; ", policy["content"])


def test_two_figures_share_no_id(page: str) -> None:
    ids = [given["id"] for _, given in Parsed(page).tags if "id" in given]
    assert len(ids) == len(set(ids))


def test_a_page_of_200_evaluations_is_below_a_megabyte() -> None:
    every = [
        evaluation(1 + k % 4, 10, 1.0 + k // 4 / 16, 10**8 + k * 10**7, 0.8 + k % 100 / 1000)
        for k in range(200)
    ]
    found = results(analysis.analyse(every, (1.25e9, 2.5e9), None), every)
    assert len(text_of(found).encode()) < 500_000


def test_the_user_s_settings_of_matplotlib_change_nothing(page: str) -> None:
    with matplotlib.rc_context(
        {"font.size": 30, "axes.grid": True, "svg.fonttype": "path", "lines.linewidth": 9}
    ):
        assert text_of(handmade()) == page
        assert matplotlib.rcParams["font.size"] == 30
