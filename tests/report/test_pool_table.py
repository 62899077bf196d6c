"""The table of a pool: its marks, its columns and the sentences below say one thing."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ensearch.pool.results import (
    CASCADE,
    FRONTS,
    MIXED,
    SINGLE,
    CascadeComparison,
    Estimate,
    FrontPoint,
    PoolFindings,
)
from ensearch.report.pool import table as pool_table
from ensearch.report.pool import text as pool_text
from ensearch.units import flops
from tests.pool_fronts import fronts, lead, row


def printed(findings: PoolFindings, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(pool_table.FrontTable(findings=findings, axis=flops(1)), crop=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def on_test(findings: PoolFindings, costs: dict[tuple[str, float], float]) -> PoolFindings:
    """Every row scored on test as on val, at its cost on val if nothing else is said."""

    def scored(one: FrontPoint) -> FrontPoint:
        cost = costs.get((one.front, one.budget), one.macs)
        return replace(one, test=replace(one.val, macs=cost))

    return replace(
        findings,
        labels={"val": "100 images", "test": "100 images"},
        points=tuple(map(scored, findings.points)),
        baselines=tuple(map(scored, findings.baselines)),
    )


def cascades(steps: int, leads: dict[float, tuple[float, float]]) -> PoolFindings:
    """Cascades of two members, that lead at the budgets as told."""
    findings = fronts(steps, {})
    return replace(
        findings,
        points=tuple(
            replace(one, members=(1, 0)) if one.front == CASCADE else one for one in findings.points
        ),
        leads={(CASCADE, budget): lead(*ends) for budget, ends in leads.items()},
    )


def test_a_cascade_that_overspends_on_test_is_marked_and_not_called_better() -> None:
    ahead = {1e6: (0.01, 0.05), 2e6: (0.01, 0.05), 4e6: (-0.03, 0.03)}
    within = on_test(cascades(3, ahead), {})
    assert printed(within).count("*cascade") == 2
    assert "; within 2M and 1M a cascade beats the single network." in " ".join(
        printed(within).split()
    )
    over = on_test(cascades(3, ahead), {(CASCADE, 2e6): 2.1e6})
    text = printed(over)
    assert text.count("*cascade") == 1
    assert "2.1M!" in text
    assert "! costs more on test than its budget, which it kept to on val" in text
    assert "; within 1M a cascade beats the single network." in " ".join(text.split())
    # The largest budget counts too: nothing is called better than it is within it.
    top = on_test(cascades(3, {4e6: (0.01, 0.05)}), {(CASCADE, 4e6): 4.1e6})
    assert pool_text.headline(top, flops(1)) == (
        "Within 4M FLOPs no ensemble or cascade clearly beats the best single network (50.00 %): "
        "cascade of 4.1M on test +3.00 [+1.00, +5.00] points"
    )
    assert "*" not in printed(top)


def test_what_is_behind_stays_behind_when_it_overspends() -> None:
    over = on_test(cascades(1, {1e6: (-0.05, -0.01)}), {(CASCADE, 1e6): 1.1e6})
    assert "-cascade" in printed(over)


def test_cost_and_accuracy_in_a_row_are_of_one_split() -> None:
    findings = on_test(cascades(1, {}), {(CASCADE, 1e6): 0.8e6})
    (line,) = (one for one in printed(findings).splitlines() if "cascade" in one[:20])
    assert "800k" in line
    assert "900k" not in line


@pytest.mark.parametrize("top", [1e6, 4e6])
def test_the_network_itself_is_no_better_than_itself(top: float) -> None:
    """Halves that chose otherwise may make it look so."""
    findings = fronts(3, {})
    findings = replace(findings, leads={("same architecture", top): lead(0.01, 0.05)})
    assert "*same" not in printed(findings)
    assert "beats" not in pool_text.headline(findings, flops(1)).replace("clearly beats", "")


def test_halves_stand_beside_what_they_score() -> None:
    findings = fronts(1, {})
    one = replace(findings.points[0], agreeing_halves=5)
    text = printed(replace(findings, points=(one, *findings.points[1:])))
    assert [line.split()[-3] for line in text.splitlines()[1:3]] == ["5/8", "8/8"]
    assert "at 8/8 val % is theirs too" in " ".join(text.split())
    assert "Halves" not in printed(on_test(findings, {}))


def test_the_cascade_of_the_sentence_has_a_row() -> None:
    findings = cascades(2, {})
    whole = findings.point(MIXED, 2e6)
    assert whole is not None
    score = Estimate(accuracy=0.519, low=0.4, high=0.6, macs=0.7e6)
    one = replace(row(CASCADE, 0.95e6, (1, 0), 0.519), val=score, macs=0.7e6)
    kept = CascadeComparison(share=0.5, ensemble=whole, cascade=one, lead=lead(-0.02, 0.018))
    text = printed(replace(findings, cascade_comparisons=(kept,)))
    assert (
        "Selected within 950k, a cascade keeps 99.8% of the accuracy (51.90 of 52.00 %) of the "
        "mixed ensemble within 2M, at 39% of its cost (700k of 1.8M): -0.10 [-2.00, +1.80] points. "
        "It runs net-1 → net-0."
    ) in " ".join(text.split())
    (line,) = (one for one in text.splitlines() if one.strip().startswith("950k"))
    cells = "950k cascade 51.90 [40.00, 60.00] 8/8 700k net-1 → net-0"
    assert line.split() == cells.split()
    # Where a budget of the table chose the same, that row is the one.
    same = replace(one, budget=1e6)
    others = tuple(c for c in findings.points if (c.front, c.budget) != (CASCADE, 1e6))
    text = printed(replace(findings, cascade_comparisons=(kept,), points=(*others, same)))
    assert "950k" not in text
    assert "Selected within 1M, a cascade keeps 99.8%" in text


def test_a_cascade_as_dear_as_the_ensemble_keeps_nothing_worth_saying() -> None:
    findings = cascades(2, {})
    whole = findings.point(MIXED, 2e6)
    assert whole is not None

    def kept(share: float, accuracy: float) -> CascadeComparison:
        score = Estimate(accuracy=accuracy, low=0.4, high=0.6, macs=share * whole.macs)
        one = replace(row(CASCADE, share * 1.8e6, (1, 0), accuracy), val=score)
        return CascadeComparison(share=share, ensemble=whole, cascade=one, lead=lead(-0.02, 0.018))

    cheap, dear, equal = kept(0.5, 0.48), kept(0.75, 0.5), kept(1.0, 0.52)
    assert (
        pool_text.best_comparison(replace(findings, cascade_comparisons=(cheap, dear, equal)))
        == dear
    )
    assert pool_text.best_comparison(replace(findings, cascade_comparisons=(equal,))) == equal
    good = kept(0.5, 0.519)
    assert (
        pool_text.best_comparison(replace(findings, cascade_comparisons=(good, dear, equal)))
        == good
    )


@pytest.mark.parametrize("length", [3, 12, 28, 60])
@pytest.mark.parametrize("width", [80, 72, 200])
def test_no_name_is_broken(length: int, width: int) -> None:
    name = ("wide_resnet-10-0.25@8/00cd15a2" * 3)[:length]
    for findings in (fronts(2, {}, name), on_test(fronts(2, {}, name), {})):
        lines = printed(findings, width).splitlines()
        table = lines[: lines.index("")]
        assert max(map(len, lines)) <= width
        assert sum(line.count(f"{name}-0") for line in table) == 2 * len(FRONTS)
        assert sum(line.count(f"{name}-1") for line in table) == 2
        assert SINGLE in table[1]
        # Beside the numbers wherever there is room.
        if length == 3 or width == 200:
            assert "Members" in table[0]
            assert name in table[1]


def test_a_cascade_that_is_the_ensemble_itself_is_called_so() -> None:
    findings = cascades(1, {})
    whole = findings.point(MIXED, 1e6)
    assert whole is not None
    same = replace(whole, front=CASCADE, budget=whole.macs)
    kept = CascadeComparison(share=1.0, ensemble=whole, cascade=same, lead=lead(0.0, 0.0))
    text = " ".join(printed(replace(findings, cascade_comparisons=(kept,))).split())
    says = "At no more cost than the mixed ensemble within 1M, cascades gain nothing"
    assert f"{says}: the same members." in text
    assert "a cascade keeps" not in text
