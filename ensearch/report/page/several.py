"""Several studies on one page: their answers, fronts, and whether the advantage widens in each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ensearch.fronts import widening
from ensearch.report.page import advantages
from ensearch.report.study import answer, brief, figure_data, files, text, words
from ensearch.report.study.figure_data import Advantage, Steps
from ensearch.report.study.findings import Findings

COLOURS = 4  # of studies, that can be told apart


class Side(NamedTuple):
    """A study of the page, or its confirmation, as `study` says.

    `line` is the advantage at both ends of its matched budgets, in points. `advantages` are
    ascending, None where costs are not matched.
    """

    study: str
    colour: int
    conditions: str
    sentences: tuple[tuple[str, str], ...]
    single_front: Steps
    ensemble_front: Steps
    advantages: tuple[Advantage | None, ...]
    line: tuple[tuple[float, float], ...]
    widens: str


class Several(NamedTuple):
    """Everything that the page shows."""

    title: str
    sides: tuple[Side, ...]
    x_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    margin: float  # in points
    content: dict[str, Any]


def compute(studies: Sequence[Findings]) -> Several:
    """Return the page of studies, and of confirmations, that were evaluated and have one axis."""
    drawn = [figure_data.compute(one) for one in studies]
    c = studies[0].conditions
    return Several(
        title=", ".join(dict.fromkeys(one.conditions.study for one in studies)),
        sides=tuple(_side(one, number % COLOURS) for number, one in enumerate(studies)),
        x_label=c.axis.title,
        x_range=(min(d.x_range[0] for d in drawn), max(d.x_range[1] for d in drawn)),
        y_range=(min(d.y_range[0] for d in drawn), max(d.y_range[1] for d in drawn)),
        margin=100 * studies[0].fronts.margin,
        content={"studies": [files.summary(one) | _slope(one) for one in studies]},
    )


def _side(findings: Findings, colour: int) -> Side:
    c, found, drawn = findings.conditions, answer.of(findings), figure_data.compute(findings)
    own = advantages.of(findings)
    slope = None if findings.under_way else widening.slope(findings.fronts.rows)
    matched = [row.budget for row in findings.fronts.rows if row.matched]
    line = [] if slope is None else [(b, slope.at(b)) for b in (matched[0], matched[-1])]
    return Side(
        study=_name(findings),
        colour=colour,
        conditions=f"{c.dataset}, {c.family}, {text.epochs(c)}, seed {c.seed}. {text.scored(c)}",
        sentences=(("answer", brief.first(findings)), *found.sentences[1:]),
        single_front=drawn.single_front,
        ensemble_front=drawn.ensemble_front,
        advantages=own.by_budget,
        line=tuple((budget * c.axis.factor, 100 * d) for budget, d in line),
        widens=own.widens or _untold(findings),
    )


def _name(findings: Findings) -> str:
    c = findings.conditions
    if c.stage == "search":
        return c.study
    how = "retrained" if c.stage == "retrained" else "not retrained"
    return f"{c.study}, {how}, on {c.split}"


def _untold(findings: Findings) -> str:
    if findings.under_way:
        return words.headline(findings) + "."
    return "Fewer than three budgets are matched, so that nothing can be said."


def _slope(findings: Findings) -> dict[str, Any]:
    slope = None if findings.under_way else widening.slope(findings.fronts.rows)
    told = slope and {
        "fraction": slope.value,
        "low": slope.low,
        "high": slope.high,
        "budgets": slope.budgets,
    }
    return {"advantage_per_doubling": told}
