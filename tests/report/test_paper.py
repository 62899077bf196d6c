"""Figures for a paper: their data, their formats, and that nothing covers anything."""

import csv
import io
import itertools
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ensearch.errors import UsageError
from ensearch.report.study import figure_data, figure_names, paper
from ensearch.report.study.results import Results
from tests.worlds import handmade, surrogate

BEGINS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF-"}


@pytest.fixture(scope="module")
def many() -> Results:
    """More than 300 configurations."""
    found = surrogate((10, 14, 16, 20, 22, 28, 34, 40), 10, 500)
    assert len(found.evaluations) > 300
    return found


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


@pytest.mark.parametrize("name", figure_names.FIGURES)
@pytest.mark.parametrize("world", ["few", "many"])
def test_nothing_covers_anything(name: str, world: str, many: Results) -> None:
    found = many if world == "many" else handmade()
    drawn = paper.FIGURES[name][0](found)
    FigureCanvasAgg(drawn).draw()  # type: ignore[no-untyped-call]
    (axes,), (legend,) = drawn.axes, drawn.legends
    whole, panel, named = drawn.bbox, axes.get_window_extent(), legend.get_window_extent()
    assert not named.overlaps(panel)
    assert named.x1 <= whole.x1
    assert named.y1 <= whole.y1
    labels: list[Any] = [axes.xaxis.label, axes.yaxis.label, *axes.texts]
    ticks = [t for axis in (axes.xaxis, axes.yaxis) for t in axis.get_ticklabels()]
    places = [text.get_window_extent() for text in (*labels, *ticks) if text.get_visible()]
    inside = [box for box in places if box.width and panel.x0 - 200 < box.x0 < panel.x1]
    for one, other in itertools.combinations(inside, 2):
        assert not one.overlaps(other)
    for box in (text.get_window_extent() for text in axes.texts):
        assert panel.x0 <= box.x0 < box.x1 <= panel.x1
    assert len(axes.get_xticklabels()) >= 2


def test_the_data_of_a_figure_are_what_it_shows() -> None:
    made = paper.files(handmade(), figure_names.chosen("tradeoff, advantage", "svg"), "svg")
    assert list(made) == [
        "figure-tradeoff.csv",
        "figure-tradeoff.svg",
        "figure-advantage.csv",
        "figure-advantage.svg",
    ]
    shown = figure_data.compute(handmade())
    found = rows(made["figure-tradeoff.csv"])
    singles = [row for row in found if row["series"] == "single"]
    assert [(float(r["cost_FLOPs"]), float(r["accuracy_val_percent"])) for r in singles] == [
        (dot.cost, dot.accuracy) for dot in shown.singles
    ]
    corners = [float(r["cost_FLOPs"]) for r in found if r["series"] == "front of ensembles"]
    assert corners == [1.25e9, 4.8e9]
    assert rows(made["figure-advantage.csv"])[1]["advantage_points"] == "2.0"
    assert rows(made["figure-advantage.csv"])[1]["margin_points"] == "1.0"


@pytest.mark.parametrize("format", figure_names.FORMATS)
def test_a_figure_is_the_same_every_time(format: str) -> None:
    first = paper.files(handmade(), ["advantage"], format)
    assert first[f"figure-advantage.{format}"].startswith(BEGINS[format])
    assert paper.files(handmade(), ["advantage"], format) == first


def test_other_figures_and_formats_are_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown figure 'tradeof'\. Did you mean 'tradeoff'"):
        figure_names.chosen("tradeof", "png")
    with pytest.raises(UsageError, match="format must be one of png, svg, pdf; got 'gif'"):
        figure_names.chosen("tradeoff", "gif")
