"""Pages in a real browser: no complaint, nothing from outside, names stay text, tools work."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import optuna
import pytest

from ensearch.core import AxisCost
from ensearch.report.dashboard.pages import Listed, Pages, StudyPage
from ensearch.report.study.results import Results
from ensearch.units import milliseconds
from tests import browser as browsers
from tests.browser import visiting
from tests.dashboards import serving
from tests.worlds import surrogate

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with browsers.opened() as opened:
        yield opened


@pytest.fixture(scope="module")
def world() -> Results:
    results = surrogate((10, 28), 4, 2_000)
    results = replace(results, conditions=replace(results.conditions, study=HOSTILE))
    priced = tuple(
        replace(e, on_axis=AxisCost(value=e.cost.macs / 1e9)) for e in results.evaluations
    )
    timed = replace(results.conditions, other_axis=milliseconds(64, "a CPU"), is_own=False)
    return replace(results, beside=(replace(results, evaluations=priced, conditions=timed),))


@pytest.fixture(scope="module")
def own(world: Results, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard whose only study has a hostile name."""
    folder: Path = tmp_path_factory.mktemp("browser")
    url = f"sqlite:///{folder / 'ensearch.db'}"
    study = optuna.create_study(
        study_name=HOSTILE, storage=url, directions=["maximize", "minimize"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(["validation accuracy", "log10 of multiply-adds per example"])
    study.add_trial(optuna.trial.create_trial(values=[0.9, 9.7]))
    html = world.page()
    pages = Pages(lambda: [Listed(HOSTILE, HOSTILE, "")], lambda name: StudyPage(html, False))
    for ask in serving(url, pages):
        yield ask.own  # type: ignore[attr-defined]


def middle(dot: "Locator") -> tuple[float, float]:
    """Where a dot is on the screen, once it is there and the page has heard of the scrolling."""
    dot.scroll_into_view_if_needed()
    frame = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    dot.page.evaluate(frame)
    box = dot.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_page_of_a_study_complains_of_nothing_and_asks_nobody(
    browser: "Browser", own: str
) -> None:
    with visiting(browser, f"{own}/ensearch") as visit:
        assert visit.page.get_by_role("link").first.inner_text() == HOSTILE
        visit.page.get_by_role("link").first.click()
        visit.page.wait_for_selector("#table")
        assert visit.page.url == f"{own}/ensearch/{quote(HOSTILE, safe='')}"
        assert HOSTILE in visit.page.inner_text("body")
        assert HOSTILE in visit.page.title()
        assert visit.page.query_selector_all("img") == []
        assert (visit.complaints, visit.outside()) == ([], [])
        # The document itself is all that is asked for: no style, no script, no picture.
        assert {r.removeprefix(own) for r in visit.requests} <= {
            "/ensearch",
            f"/ensearch/{quote(HOSTILE, safe='')}",
            "/favicon.ico",
        }


def test_switches_show_one_figure_at_a_time(browser: "Browser", own: str, world: Results) -> None:
    with visiting(browser, f"{own}/ensearch/{quote(HOSTILE, safe='')}") as visit:
        page = visit.page
        shown = {}
        for name in ("FLOPs", "ms@64", "parameters", "training"):
            page.get_by_text(name, exact=True).and_(page.locator(".views > label")).click()
            figures = page.locator(".view:visible svg")
            assert figures.count() == 1, name
            shown[name] = figures.text_content() or ""
            # Each has dots with tooltips of its own.
            page.mouse.move(*middle(figures.locator("use[data-row]").last))
            page.wait_for_selector("#tip", state="visible")
            assert "Members: " in page.inner_text("#tip")
        assert "multiply-adds" in shown["FLOPs"]
        assert "milliseconds an image" in shown["ms@64"]
        assert "parameters" in shown["parameters"]
        assert "training" in shown["training"]
        page.reload()  # as the page of a study that runs does
        assert page.locator(".view:visible svg").text_content() == shown["training"]
        assert visit.complaints == []


def test_tooltips_sorting_and_filter_work(browser: "Browser", own: str, world: Results) -> None:
    with visiting(browser, f"{own}/ensearch/{quote(HOSTILE, safe='')}") as visit:
        page = visit.page
        assert page.is_hidden("#tip")
        page.mouse.move(*middle(page.locator("use[data-row]").first))
        page.wait_for_selector("#tip", state="visible")
        assert "%" in page.inner_text("#tip")
        rows = page.locator("#table tbody tr")
        assert rows.count() == len(world.evaluations) + len(world.predicted)
        page.locator("#table th button").first.click()
        ascending = page.locator("#table tbody tr td:first-child").all_inner_texts()
        page.locator("#table th button").first.click()
        assert page.locator("#table tbody tr td:first-child").all_inner_texts() != ascending
        page.fill("#filter", "single")
        assert rows.count() == sum(e.is_single for e in world.evaluations)
        assert visit.complaints == []


def test_a_tap_shows_a_tooltip_until_the_next_one_elsewhere(browser: "Browser", own: str) -> None:
    address = f"{own}/ensearch/{quote(HOSTILE, safe='')}"
    with visiting(browser, address, width=380, has_touch=True) as visit:
        page = visit.page
        page.touchscreen.tap(*middle(page.locator(".view:visible use[data-row]").last))
        page.wait_for_selector("#tip", state="visible")
        heading = page.locator("h1")
        heading.scroll_into_view_if_needed()
        heading.tap()
        page.wait_for_selector("#tip", state="hidden")
        assert visit.complaints == []


@pytest.mark.parametrize("width", [380, 1200])
def test_the_page_is_as_wide_as_the_window(browser: "Browser", own: str, width: int) -> None:
    address = f"{own}/ensearch/{quote(HOSTILE, safe='')}"
    with visiting(browser, address, width=width, color_scheme="dark") as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_says_the_answer_without_script(browser: "Browser", own: str) -> None:
    address = f"{own}/ensearch/{quote(HOSTILE, safe='')}"
    with visiting(browser, address, java_script_enabled=False) as visit:
        text = visit.page.inner_text("body")
        assert "Accuracy against cost" in text
        assert visit.page.locator("#table tbody tr").count() > 0


def test_optunas_dashboard_has_no_button_that_cannot_work(browser: "Browser", own: str) -> None:
    with visiting(browser, f"{own}/dashboard") as visit:
        page = visit.page
        page.get_by_placeholder("Search study").wait_for(timeout=120_000)
        assert page.is_visible("#ensearch")
        assert page.locator('[aria-label="delete study"]').count() == 1  # there, and not shown
        for name in ("delete study", "rename study", "Create"):
            assert page.get_by_role("button", name=name).count() == 0, name
        assert page.get_by_role("button", name="Reload").count() == 1
        assert (visit.complaints, visit.outside()) == ([], [])
