"""The figure of a pool: nothing is cut off, whatever is said and however things are called."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from ensearch.combined import BASELINES, KINDS, MIXED, SINGLE, Chosen, Fronts, Score
from ensearch.comparing import Lead
from ensearch.entries import MAY_HAVE_SEEN, Entry
from ensearch.report import pooled, pooled_figure
from ensearch.report.figure import DPI, LEFT, PIXELS, wrapped


def entry(name: str) -> Entry:
    return Entry(
        name=name,
        key=name,
        network=name,
        label=name,
        macs=10**6,
        params=None,
        labels={},
        origin="",
        dataset="",
        is_member=False,
        created=datetime.now(UTC),
    )


def row(kind: str, budget: float, members: tuple[int, ...], accuracy: float) -> Chosen:
    score = Score(accuracy=accuracy, low=accuracy - 0.02, high=accuracy + 0.02, macs=0.9 * budget)
    return Chosen(
        kind=kind,
        budget=budget,
        members=members,
        thresholds=(),
        exits=(1.0,),
        macs=0.9 * budget,
        flattered=accuracy,
        halves=8,
        val=score,
    )


def fronts(steps: int, leads: dict[str, Lead], name: str = "net") -> Fronts:
    """At the largest budget the kinds lead as told."""
    budgets = tuple(1e6 * 2.0**step for step in range(steps))

    def rows(kinds: tuple[str, ...]) -> tuple[Chosen, ...]:
        return tuple(
            row(kind, budget, (0, 1) if kind == MIXED else (0,), 0.5 + 0.01 * k)
            for k, kind in enumerate(kinds)
            for budget in budgets
        )

    return Fronts(
        query="all",
        entries=(entry(f"{name}-0"), entry(f"{name}-1")),
        labels={"val": "100 images"},
        measure="max",
        budgets=budgets,
        chosen=rows(KINDS),
        baselines=rows(BASELINES),
        leads={(kind, budgets[-1]): lead for kind, lead in leads.items()},
        comparison=None,
        kept=(),
        hypervolumes=dict.fromkeys((*KINDS, *BASELINES), 0.1),
        reference=0.1,
    )


def lead(low: float, high: float) -> Lead:
    return Lead(difference=(low + high) / 2, low=low, high=high)


def test_models_that_may_have_seen_val_are_counted() -> None:
    found = fronts(1, {})
    doubted = replace(found.entries[0], origin=f"timm x; {MAY_HAVE_SEEN}")
    lines = pooled.conditions(replace(found, entries=(doubted, found.entries[1])), 1)
    assert any(line.startswith("1 entry may have been trained on images of val") for line in lines)
    assert not any("may have been trained" in line for line in pooled.conditions(found, 1))


def test_titles_claim_what_is_told_and_no_more() -> None:
    three = dict.fromkeys(KINDS[1:], lead(-0.01, 0.03))
    assert pooled.headline(fronts(1, three), 1) == (
        "Within 1M FLOPs no ensemble or cascade clearly beats the best single network "
        "(50.00 %): mixed +1.00 points [-1.00, +3.00]"
    )  # of one architecture is that network alone here, and no rival of itself
    # A larger difference that is not told does not hide a smaller one that is.
    told = pooled.headline(fronts(2, three | {MIXED: lead(0.001, 0.009)}), 1)
    assert told == (
        "Within 2M FLOPs a mixed ensemble beats the best single network: "
        "+0.50 points [+0.10, +0.90]"
    )
    lost = pooled.headline(fronts(1, dict.fromkeys(KINDS[1:], lead(-0.03, -0.01))), 2)
    assert lost.startswith("Within 2M FLOPs the best single network beats ensembles and cascades")
    same = fronts(1, three)
    alone = replace(same, chosen=tuple(replace(one, members=(0,)) for one in same.chosen))
    assert pooled.headline(alone, 1) == "Within 1M FLOPs all fronts are one network: net-0, 50.00 %"
    assert pooled.headline(replace(same, chosen=()), 1).startswith("Within 1M FLOPs nothing")


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


@pytest.mark.parametrize("steps", [1, 8])
@pytest.mark.parametrize("name", ["net", "a" * 90])
def test_the_right_edge_stays_white(tmp_path: Path, steps: int, name: str) -> None:
    """What is clipped at the edge leaves ink there."""
    found = fronts(steps, dict.fromkeys(KINDS[1:], lead(-0.01, 0.03)), name)
    alone = replace(found, chosen=tuple(c for c in found.chosen if c.kind == SINGLE))
    for k, one in enumerate((found, alone)):
        picture = imread(pooled_figure.draw_png(one, 1, tmp_path / f"{k}.png"))
        assert picture.shape[:2] == (PIXELS[1], PIXELS[0])
        assert picture[:, -3:].min() == 1.0
        assert picture[:, 100:-3].min() < 0.5
