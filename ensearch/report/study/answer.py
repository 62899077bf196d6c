"""Which configuration to take within a budget, and how sure that is: data, then sentences."""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ensearch.core import Evaluation
from ensearch.errors import BudgetError, UsageError, invalid
from ensearch.fronts import MARGIN, FrontRow, Verdict
from ensearch.report._layout import wrapped
from ensearch.report.study import beside, text, words
from ensearch.report.study.findings import Conditions, Findings
from ensearch.store import SEARCH, Store
from ensearch.units import FLOPS, counted, format_count, parse_count

if TYPE_CHECKING:  # imports torch
    from ensearch.exports.loaded import LoadedModel

WIDTH, LABEL = 80, 10  # characters of a line, and of what stands before its sentence
# Differences that print as 0.00 are none.
_SHOWN = 5e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A configuration that may be taken.

    `cost` is in multiply-adds per example, or in milliseconds an image where these are the axis.
    """

    architecture: str
    size: int
    cost: float
    accuracy: float  # as estimated: a fraction, on the split that the study is scored on
    measured: float  # the same, as measured
    label: str  # 4 × 10-0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the members are of which an answer speaks: a storage, and a stage of the study."""

    url: str = field(repr=False)  # may hold a password
    study: str
    stage: str = SEARCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a study answers within a budget; `print` shows it in sentences.

    `budget` is a compared one, in the unit of costs. `take` is the configuration to take
    there and `runner_up` the best of the other kind; `expected_loss` is how much accuracy taking
    `take` loses on average against the best that was tried within the budget. `advantage` is the
    accuracy of the best ensemble less that of the best single network, allowing for the luck of
    selecting them; `low` and `high` bound it, at all compared budgets at once with 95 % confidence.
    All are fractions, None where they are not known. `verdict` is None while the search runs.
    """

    verdict: Verdict | None
    take: Choice | None
    runner_up: Choice | None
    expected_loss: float | None
    advantage: float | None
    low: float | None
    high: float | None
    budget: float
    statement: str  # of this budget, in one sentence
    overall: str  # of the study as a whole, in one sentence
    sentences: tuple[tuple[str, str], ...]  # all of it for people, each behind a short label
    evaluation: Evaluation | None = None  # that of `take`
    origin: Origin | None = None

    def model(self) -> "LoadedModel":
        """Return what to take as a model that predicts, with the weights of the storage.

        Nothing is written, and nothing is compared with stored predictions, as `ensearch.export`
        does. Raises UsageError where nothing is to be taken, StorageError if weights are missing.
        """
        from ensearch.exports import loaded, winner

        if self.take is None or self.evaluation is None or self.origin is None:
            raise UsageError("nothing is to be taken within this budget, so there is no model.")
        with Store.open(self.origin.url, create=False) as store:
            chosen = winner.of_study(
                store,
                self.origin.study,
                self.evaluation,
                stage=self.origin.stage,
                title=self.take.label,
                estimate=self.take.accuracy,
            )
            return loaded.of_storage(store, chosen)

    def __str__(self) -> str:
        return "\n".join(layout(self.sentences))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; its keys are the names of the first eight fields."""
        keys = ("verdict", "take", "runner_up", "expected_loss", "advantage", "low", "high")
        plain = asdict(self)
        return {key: plain[key] for key in (*keys, "budget")}


def margin_of(points: float | None) -> float:
    """Return a margin as a fraction, of points of accuracy. Raises UsageError."""
    if points is None:
        return MARGIN
    if not (isinstance(points, int | float) and math.isfinite(points) and 0 < points <= 100):
        raise invalid("margin", f"must be points of accuracy, above 0 and up to 100; got {points}.")
    return points / 100


def of(
    findings: Findings, budget: float | str | None = None, origin: Origin | None = None
) -> Answer:
    """Return what a study answers within a budget; that which it was asked for if none is given.

    The budget is in FLOPs as the study counts them, `5e9` or "5G", or in the unit of another axis
    of the findings. Between two compared budgets the
    smaller one answers. Raises UsageError if it is no number, BudgetError if it is smaller than
    every compared budget.
    """
    row = row_within(findings, budget)
    remark = "" if budget is None else _remark(findings, row, parse_count(budget, "budget"))
    return replace(_answer(findings, row, remark), evaluation=row.take, origin=origin)


def row_within(findings: Findings, budget: float | str | None = None) -> FrontRow:
    """Return the fronts at the largest compared budget within a budget, as `of` reads it.

    Raises UsageError and BudgetError as `of` does.
    """
    rows, axis = findings.fronts.rows, findings.conditions.axis
    if budget is None:
        return rows[-1]
    asked = parse_count(budget, "budget")
    # A budget is also the number by which tables show it: 707k for 707,107.
    fitting = [
        row
        for row in rows
        if row.budget * axis.factor <= asked or axis.show(row.budget) == format_count(asked)
    ]
    if not fitting:
        least = axis.show(rows[0].budget)
        raise BudgetError(
            f"study {findings.conditions.study} compares budgets from {least} to "
            f"{axis.tell(rows[-1].budget)}; got {format_count(asked)}, within which it knows no "
            "answer.",
            problem="budget_below_compared" if axis.name == FLOPS else "",
            study=findings.conditions.study,
            least=least,
            asked=format_count(asked),
            dataset=findings.conditions.dataset,
        )
    return fitting[-1]


def choice(e: Evaluation | None, estimate: float | None, c: Conditions) -> Choice | None:
    """Return an evaluation as what may be taken, with the estimate of its accuracy."""
    if e is None:
        return None
    return Choice(
        architecture=e.architecture.key,
        size=e.size,
        cost=e.price,
        accuracy=e.scores.accuracy if estimate is None else estimate,
        measured=e.scores.accuracy,
        label=text.label(e, c),
    )


def layout(sentences: tuple[tuple[str, str], ...], width: int = WIDTH) -> list[str]:
    """Return lines of at most `width` characters: labels, and their sentences beside them."""
    lines = []
    for label, sentence in sentences:
        lines += wrapped(
            sentence,
            width,
            initial_indent=label.ljust(LABEL),
            subsequent_indent=" " * LABEL,
            break_long_words=False,
        )
    return lines


def _answer(findings: Findings, row: FrontRow, remark: str) -> Answer:
    c, known = findings.conditions, not findings.under_way
    statement = words.of_budget(row, findings.fronts.margin, c)
    if not known:
        statement = words.so_far(findings, row)
    return Answer(
        verdict=row.verdict if known else None,
        take=choice(row.take, row.take_accuracy, c),
        runner_up=choice(row.runner_up, row.runner_up_accuracy, c),
        expected_loss=row.expected_loss,
        advantage=row.advantage,
        low=row.low,
        high=row.high,
        budget=row.budget,
        statement=statement,
        overall=words.overall(findings) if known else statement,
        sentences=_sentences(findings, row, statement, remark),
    )


def _remark(findings: Findings, row: FrontRow, asked: float) -> str:
    """What a person should know who asked for a budget at which nothing was compared."""
    c = findings.conditions
    here, wanted = c.axis.show(row.budget), format_count(asked)
    if here == wanted:
        return ""
    if asked > c.budget * c.axis.factor:
        did = "searched" if c.is_own else "compares"
        return (
            f"The study {did} up to {c.axis.tell(c.budget)}: within {wanted} something else may "
            "be better. "
        )
    return f"{here} is the largest compared budget within {wanted}. "


def _sentences(
    findings: Findings, row: FrontRow, statement: str, remark: str
) -> tuple[tuple[str, str], ...]:
    """The answer for people, each sentence behind its label."""
    if findings.under_way:
        return (
            ("answer", f"{remark}{statement}"),
            ("how sure", f"There is no verdict before {_what(findings)} is over."),
        )
    lines = [("answer", f"{remark}{statement}")]
    if row.take is not None:
        taken = described(row.take, row.take_accuracy, findings)
        lines.append(("take", taken + why(row, findings)))
    if row.runner_up is not None:
        other = described(row.runner_up, row.runner_up_accuracy, findings)
        lines.append(("or", other + loss(row)))
    lines.append(("how sure", " ".join(_how_sure(findings, row))))
    if times := beside.sentences(findings, row):
        lines.append((beside.label(findings), " ".join(times)))
    settle = words.to_settle(row, findings)
    return (*lines, ("to settle", f"{', or '.join(settle)}.")) if settle else tuple(lines)


def _what(findings: Findings) -> str:
    settling = findings.settling
    return "settling it" if settling is not None and settling.under_way else "the search"


def described(e: Evaluation, estimate: float | None, findings: Findings) -> str:
    """Return a configuration with costs and accuracy: `4 × 10-0.5 (4 members): 2M FLOPs, ...`."""
    c = findings.conditions
    kind = "single network" if e.is_single else counted(e.size, "member")
    costs = f"{text.price(e, c)} {c.axis.unit}{beside.times(e, findings)}"
    return f"{text.label(e, c)} ({kind}): {costs}, {_accuracy(e, estimate)} on {c.split}"


def _accuracy(e: Evaluation, estimate: float | None) -> str:
    """`about 96.1 % (measured 96.52 %)`, or the measured one where the estimate is the same."""
    if estimate is None or abs(estimate - e.scores.accuracy) < _SHOWN:
        return words.percent(e)
    return f"about {100 * estimate:.2f} % (measured {words.percent(e)})"


def why(row: FrontRow, findings: Findings) -> str:
    """Return why a simpler configuration than the best is taken; empty if the best is."""
    if row.take is None or row.take_accuracy is None:
        return ""
    best = max(a for a in (row.single_accuracy, row.ensemble_accuracy) if a is not None)
    if best - row.take_accuracy < _SHOWN:
        return ""
    margin = words.points(findings.fronts.margin)
    return f"; it is simpler than the best, and within {margin} of it with 95 % probability"


def loss(row: FrontRow) -> str:
    """Return what one would lose with the runner-up; empty where it cannot be told."""
    if row.take_accuracy is None or row.runner_up_accuracy is None:
        return ""
    lost = row.take_accuracy - row.runner_up_accuracy
    if abs(lost) < _SHOWN:
        return "; as good"
    return f"; taking it would {'lose' if lost > 0 else 'gain'} {100 * abs(lost):.2f} points"


def _how_sure(findings: Findings, row: FrontRow) -> list[str]:
    sentences = []
    if row.advantage is not None:
        advantage = f"Ensemble minus single: {text.advantage(row)} points"
        if row.low is not None:
            advantage += "; the 95 % interval holds at all budgets at once"
        sentences.append(f"{advantage}.")
        if text.is_estimated(row):
            sentences.append("The luck of selecting the best of many is taken off.")
    if row.expected_loss is not None:
        sentences.append(
            f"The choice is expected to lose {100 * row.expected_loss:.2f} points against the best."
        )
    if text.seeds_unknown(findings):
        sentences.append(text.seeds_unknown(findings))
    if words.looked(findings):
        sentences.append(words.looked(findings))
    return [*sentences, *_schedule(findings)]


def _schedule(findings: Findings) -> list[str]:
    """Whether the answer is known to hold after longer training."""
    if findings.conditions.stage == "retrained":
        return []
    if findings.conclusion is not None:
        own = next((f for f in findings.beside if f.conditions.is_own), findings).conditions.axis
        other = "" if findings.conditions.is_own else f"Over {own.called}: "
        return [f"{other}{findings.conclusion.sentence}"]
    return ["Only a short schedule was tried: longer training has not confirmed it."]
