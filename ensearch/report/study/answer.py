"""Which configuration to take within a budget, and how sure that is: data, then sentences."""

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ensearch.core import Evaluation
from ensearch.errors import BudgetError, UsageError, invalid
from ensearch.fronts import MARGIN, FrontRow, Verdict
from ensearch.report._layout import wrapped
from ensearch.report.study import answer_sentences, text, words
from ensearch.report.study.findings import Conditions, Findings
from ensearch.store import SEARCH, Store
from ensearch.units import FLOPS, format_count, is_finite, parse_count

if TYPE_CHECKING:  # imports torch
    from ensearch.exports.loaded import LoadedModel

WIDTH, LABEL = 80, 10  # characters of a line, and of what stands before its sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A configuration that may be taken.

    `cost` is in the unit in which costs are compared: multiply-adds per example, parameters or
    milliseconds an image.
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
    if not (is_finite(points) and 0 < points < 100):
        raise invalid(
            "margin", f"must be points of accuracy, above 0 and below 100; got {points!r}."
        )
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
        sentences=answer_sentences.of(findings, row, statement, remark),
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
