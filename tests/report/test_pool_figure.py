"""The figure of a pool: nothing is cut off, whatever is said and however things are called."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.text import Text

from ensearch.pool.results import CASCADE, FRONTS, MIXED, SINGLE, Estimate
from ensearch.report._axes import DPI, LEFT, PIXELS, wrapped
from ensearch.report.pool import figure as pool_figure
from ensearch.report.pool import text as pool_text
from ensearch.report.pool.conditions import conditions
from ensearch.units import flops
from tests.pool_fronts import fronts, lead


def test_models_that_may_have_seen_val_are_counted() -> None:
    findings = fronts(1, {})
    doubted = replace(findings.entries[0], may_have_seen_val=True)
    lines = conditions(replace(findings, entries=(doubted, findings.entries[1])), flops(1))
    assert any(line.startswith("1 entry may have been trained on images of val") for line in lines)
    assert not any("may have been trained" in line for line in conditions(findings, flops(1)))


def test_titles_claim_what_is_told_and_no_more() -> None:
    three = dict.fromkeys(FRONTS[1:], lead(-0.01, 0.03))
    assert pool_text.headline(fronts(1, three), flops(1)) == (
        "Within 1M FLOPs no ensemble or cascade clearly beats the best single network "
        "(50.00 %): mixed +1.00 [-1.00, +3.00] points"
    )  # of one architecture is that network alone here, and no rival of itself
    # A larger difference that is not told does not hide a smaller one that is.
    told = pool_text.headline(fronts(2, three | {MIXED: lead(0.001, 0.009)}), flops(1))
    assert told == (
        "Within 2M FLOPs a mixed ensemble beats the best single network: "
        "+0.50 [+0.10, +0.90] points"
    )
    lost = pool_text.headline(fronts(1, dict.fromkeys(FRONTS[1:], lead(-0.03, -0.01))), flops(2))
    assert lost.startswith("Within 2M FLOPs the best single network beats ensembles and cascades")
    same = fronts(1, three)
    alone = replace(same, points=tuple(replace(one, members=(0,)) for one in same.points))
    assert (
        pool_text.headline(alone, flops(1))
        == "Within 1M FLOPs all fronts are one network: net-0, 50.00 %"
    )
    assert pool_text.headline(replace(same, points=()), flops(1)).startswith(
        "Within 1M FLOPs nothing"
    )


@given(st.text(st.characters(categories=("L", "N", "P", "Zs"), max_codepoint=0x24F), max_size=500))
@settings(max_examples=30, deadline=None)
def test_no_line_is_longer_than_the_figure(text: str) -> None:
    canvas = FigureCanvasAgg(Figure(figsize=(PIXELS[0] / DPI, PIXELS[1] / DPI), dpi=DPI))
    for size, weight in ((11.5, "bold"), (7.5, "normal")):
        lines = wrapped(canvas, text, size=size, weight=weight)
        assert "".join("".join(lines).split()) == "".join(text.split())
        for line in lines:
            drawn = Text(0, 0, line, size=size, weight=weight, parse_math=False)
            drawn.set_figure(canvas.figure)
            width = drawn.get_window_extent(canvas.get_renderer()).width  # type: ignore[no-untyped-call]
            assert LEFT * PIXELS[0] + width <= PIXELS[0]


def xs(line: Line2D) -> list[float]:
    return [float(x) for x in np.asarray(line.get_xdata())]


def test_lines_that_are_equal_can_all_be_seen() -> None:
    """What lies above is thinner than what lies below, in lines and markers."""
    (axes,) = pool_figure.draw(fronts(3, {}), flops(1)).axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    order = sorted((lines[front] for front in FRONTS), key=lambda line: line.get_zorder())
    widths = [line.get_linewidth() for line in order]
    for findings in (widths, [line.get_markersize() for line in order]):
        assert findings == sorted(findings, reverse=True)
        assert len(set(findings)) == len(FRONTS)
    assert order[-1] is lines[SINGLE]


def test_what_is_told_has_a_star_where_it_stands() -> None:
    findings = fronts(3, {MIXED: lead(0.01, 0.03)})
    (axes,) = pool_figure.draw(findings, flops(1)).axes
    stars = [text for text in axes.texts if text.get_text() == "*"]
    top = findings.point(MIXED, findings.budgets[-1])
    assert top is not None
    assert [star.xy for star in stars] == [(top.cost, 100 * top.shown.accuracy)]  # type: ignore[attr-defined]
    assert "* beats the single network" in axes.get_xlabel()
    assert "Grey: baselines" in axes.get_xlabel()
    (axes,) = pool_figure.draw(fronts(3, {MIXED: lead(-0.01, 0.03)}), flops(1)).axes
    assert not [text for text in axes.texts if text.get_text() == "*"]
    assert "*" not in axes.get_xlabel()


def test_intervals_are_inside_and_at_the_costs_on_test() -> None:
    findings = fronts(2, {})
    over = replace(findings.points[-1].val, macs=2.4e6, low=0.2, high=0.9)
    chosen = [replace(c, test=c.val) for c in findings.points]
    chosen[-1] = replace(chosen[-1], test=over)
    findings = replace(findings, labels=dict.fromkeys(("val", "test"), "x"), points=tuple(chosen))
    (axes,) = pool_figure.draw(findings, flops(1)).axes
    (line,) = (line for line in axes.get_lines() if line.get_label() == FRONTS[-1])
    assert 2.4e6 in xs(line)
    assert axes.get_xlim()[1] > 2.4e6
    low, high = axes.get_ylim()
    assert low < 20 < 90 < high


def test_all_accuracies_of_one_choice_are_drawn() -> None:
    """The line ends with that of the largest budget."""
    findings = fronts(3, {})
    score = Estimate(accuracy=0.5, low=0.4, high=0.6, macs=1e6)
    chosen = tuple(
        replace(c, macs=0.8e6, val=replace(score, accuracy=accuracy))
        for c, accuracy in zip(findings.points[:3], (0.6, 0.5, 0.6), strict=True)
    )
    (axes,) = pool_figure.draw(replace(findings, points=chosen), flops(1)).axes
    (line,) = (line for line in axes.get_lines() if line.get_label() == SINGLE)
    assert xs(line) == [0.8e6, 0.8e6, findings.budgets[-1]]
    assert np.asarray(line.get_ydata()).tolist() == [50, 60, 60]


@pytest.mark.parametrize("steps", [1, 8])
@pytest.mark.parametrize("name", ["net", "a" * 90])
def test_the_edges_stay_white(tmp_path: Path, steps: int, name: str) -> None:
    """What is clipped at the edge leaves ink there."""
    findings = fronts(steps, {MIXED: lead(0.01, 0.03), CASCADE: lead(-0.01, 0.03)}, name)
    alone = replace(findings, points=tuple(c for c in findings.points if c.front == SINGLE))
    for k, one in enumerate((findings, alone)):
        picture = imread(pool_figure.write_png(one, flops(2), tmp_path / f"{k}.png"))
        assert picture.shape[:2] == (PIXELS[1], PIXELS[0])
        # The lower label is the longest where something is told and 2 FLOPs are counted.
        for edge in (picture[:, -3:], picture[:, :3], picture[-3:]):
            assert edge.min() == 1.0
        assert picture[:, 100:-3].min() < 0.5
