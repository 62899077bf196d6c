"""What a storage holds: the results of its studies, and how far they are."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ensearch.errors import StorageError, UsageError
from ensearch.report._layout import LEAST_WIDTH as LEAST_WIDTH
from ensearch.store import AnswerRecord, Store, StudySummary, storage_url

if TYPE_CHECKING:  # imports numpy, or matplotlib too
    from ensearch.report.study.answer import Answer as Answer
    from ensearch.report.study.comparison import Comparison as Comparison
    from ensearch.report.study.findings import Findings
    from ensearch.report.study.results import Results as Results


def results(
    study: str,
    *,
    margin: float | None = None,
    x: str | None = None,
    storage: str | Path | None = None,
) -> "Results":
    """Return what a study of the storage has found so far.

    `margin` is the difference that does not matter, in points of accuracy; 1 by default.
    `x` is the unit in which costs are compared, that of the study's budget by default: "flops",
    "params", or "ms@64" for milliseconds an image in batches of 64, which `measure_latency`
    measures; "ms@64:onnx" takes those of ONNX Runtime. Raises UsageError for another margin than
    one above 0 and below 100 and for another x, StorageError if there is no such study, if nothing
    of it has been evaluated yet, or such times are missing.
    """
    from ensearch.report.study import answer
    from ensearch.report.study.results import collect

    fraction = answer.margin_of(margin)
    with Store.open(storage_url(storage), create=False) as store:
        return collect(store, study, margin=fraction, x=x)


def figure_names(figures: str, format: str) -> tuple[str, ...]:
    """Return the figures for a paper that are named, several with commas.

    Raises UsageError for a figure and for a format that `Results.write_figures` does not write.
    """
    from ensearch.report.study import figure_names as names

    return names.chosen(figures, format)


def write_page(
    study: str, *, out: str | Path | None = None, storage: str | Path | None = None
) -> Path:
    """Write the page of a study, which may have evaluated nothing yet; return its path.

    It is index.html in the folder `out`, beside the storage if nobody says otherwise. Raises
    StorageError if there is no such study, or if the page cannot be written.
    """
    from ensearch.report.study.results import collect

    with Store.open(storage_url(storage), create=False) as store:
        return collect(store, study, even_empty=True).write_page(out)


def best(
    study: str,
    *,
    budget: float | str | None = None,
    margin: float | None = None,
    x: str | None = None,
    storage: str | Path | None = None,
) -> "Answer":
    """Return which configuration to take within a budget of a study, and how sure that is.

    It is `results(study).answer(budget)`, without the rest of the results; the errors are those of
    both. With `x` "ms@64" the budget is in milliseconds an image.
    """
    from ensearch.report.study import answer, reading

    fraction = answer.margin_of(margin)
    with Store.open(storage_url(storage), create=False) as store:
        found = reading.collect(store, study, margin=fraction, x=x)
        return answer.of(found, budget, answer.Origin(url=store.url, study=study))


def report_together(
    studies: Sequence[str],
    *,
    out: str | Path | None = None,
    margin: float | None = None,
    x: str | None = None,
    storage: str | Path | None = None,
) -> tuple[tuple["Results", ...], Path]:
    """Write one page on several studies of a storage; return their results, and the page.

    It is index.html in the folder `out`, beside the storage by default. What a
    confirmation found on test stands behind its search, unless `x` is another unit. The other
    arguments and the errors are those of `results`; UsageError if a study is named twice, if the
    studies have budgets in several units and no `x` is named, or if no folder is named and this
    machine does not have the storage's.
    """
    from ensearch.report.page import html, several
    from ensearch.report.study import answer, files
    from ensearch.report.study.results import collect

    if len(set(studies)) < len(studies):
        raise UsageError(f"each study may be named once; got {', '.join(studies)}.")
    fraction = answer.margin_of(margin)
    with Store.open(storage_url(storage), create=False) as store:
        found = tuple(collect(store, study, margin=fraction, x=x) for study in studies)
        shown = [side for one in found for side in (one, *_confirmed(store, one))]
    # By the title: two FLOPs for each multiply-add are another unit, of the same name.
    units = {one.conditions.axis.title: one.conditions.study for one in found}
    if len(units) > 1:
        told = ", ".join(f"{study} by {unit}" for unit, study in units.items())
        raise UsageError(f"studies on one page are compared by one unit; got {told}.")
    where = Path(out) if out is not None else _together(found)
    page = html.of_several(several.compute(shown))
    return found, files.write_file(where / "index.html", page.encode())


def _confirmed(store: Store, found: "Results") -> tuple["Results", ...]:
    """What the last confirmation of a study found on test, in the unit of its budget."""
    from ensearch.report.confirmation import findings

    if found.record.on_test is None or not found.conditions.is_own:
        return ()
    with suppress(StorageError):  # labels or predictions are gone: the search is shown alone
        study, margin = found.conditions.study, found.fronts.margin
        return (findings.collect(store, study, margin=margin).results,)
    return ()


def _together(found: Sequence["Results"]) -> Path:
    """The folder of a page on several studies: beside those of each."""
    names = "+".join(one.conditions.study for one in found)
    return found[0].folder_to_write().parent / (
        names if len(names) <= 200 else f"{len(found)} studies"
    )


def compare(first: str, second: str, *, storage: str | Path | None = None) -> "Comparison":
    """Return two studies of a storage side by side: what each takes at each compared budget.

    Print its `table()`; `csv()` and `to_dict()` are for programs. Raises StorageError if there is
    no such study, or if nothing of one has been evaluated yet.
    """
    from ensearch.report.study import comparison, reading

    with Store.open(storage_url(storage), create=False) as store:
        return comparison.compare(reading.collect(store, first), reading.collect(store, second))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFailure:
    """A member that could not be trained, and why."""

    label: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStatus:
    """How far a study is, and what it answers.

    `train_macs` is the estimate of what its training has cost. `answer` is that of `best` as plain
    data, None where nothing has been evaluated; in `says` it is in few words, for people.
    """

    study: str
    state: Literal["running", "complete", "stopped"]
    trials_done: int
    trials_failed: int
    trials_asked: int | None
    evaluations: int
    members: int
    member_failures: int
    train_macs: float
    created: datetime
    answer: Mapping[str, Any] | None
    says: str
    failures: tuple[MemberFailure, ...]  # of its search and of its confirmations

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "study": self.study,
            "state": self.state,
            "trials_done": self.trials_done,
            "trials_failed": self.trials_failed,
            "trials_asked": self.trials_asked,
            "evaluations": self.evaluations,
            "members": self.members,
            "member_failures": self.member_failures,
            "train_macs": self.train_macs,
            "created": self.created.isoformat(timespec="seconds"),
            "answer": self.answer,
            "failures": [asdict(failure) for failure in self.failures],
        }


def studies(study: str | None = None, *, storage: str | Path | None = None) -> list[StudyStatus]:
    """Return how far the studies of a storage are, the oldest first; or one of them.

    Raises StorageError if there is no storage, or no study of that name.
    """
    with Store.open(storage_url(storage), create=False) as store:
        if study is not None:
            store.study(study)  # refuses an unknown name with the nearest
        summaries = [s for s in store.summaries() if study in (None, s.name)]
        return [status_of(store, summary) for summary in summaries]


def status_of(store: Store, summary: StudySummary) -> StudyStatus:
    """Return how far a study is."""
    trials = summary.trials_asked
    complete = summary.ended == "exhausted" or (
        trials is not None and summary.trials_over >= trials
    )
    complete = complete and not summary.settling
    answer = _answer(store, summary)
    return StudyStatus(
        study=summary.name,
        state="running" if summary.running else "complete" if complete else "stopped",
        trials_done=summary.trials_done,
        trials_failed=summary.trials_failed,
        trials_asked=trials,
        evaluations=summary.evaluations,
        members=summary.members,
        member_failures=summary.member_failures,
        train_macs=summary.train_macs,
        created=summary.created,
        answer=answer,
        says=_says(answer),
        failures=_failures(store, summary.name) if summary.member_failures else (),
    )


def keep_answer(store: Store, summary: StudySummary, found: "Findings") -> dict[str, Any]:
    """Return what a study answers by default, as plain data, and keep it for lists of studies."""
    from ensearch.report.study import answer

    content = answer.of(found).to_dict()
    with suppress(StorageError):  # a storage that is read only or busy costs no answer
        store.save_answer(summary.name, AnswerRecord(of=_state(summary), content=content))
    return content


def _state(summary: StudySummary) -> str:
    """On what an answer depends; another version may answer otherwise."""
    from ensearch import __version__

    return f"{__version__} {summary.trained}{' so far' if summary.under_way else ''}"


def _answer(store: Store, summary: StudySummary) -> Mapping[str, Any] | None:
    """What a study answers: what was kept if it is of the present state, for it takes a second."""
    kept = summary.answer
    if not summary.evaluations:
        return None
    if kept is not None and kept.of == _state(summary):
        return kept.content
    from ensearch.report.study import reading

    try:
        return keep_answer(store, summary, reading.collect(store, summary.name))
    except StorageError:  # a report of this study says why
        return None


def _says(answer: Mapping[str, Any] | None) -> str:
    """`4 × 10-0.5: ensembles`, or `so far 4 × 10-0.5`."""
    if answer is None or answer["take"] is None:
        return ""
    label = answer["take"]["label"]
    return f"so far {label}" if answer["verdict"] is None else f"{label}: {answer['verdict']}"


def _failures(store: Store, study: str) -> tuple[MemberFailure, ...]:
    """Return the failed members of the study's search and of its confirmations."""
    return tuple(
        MemberFailure(
            label=record.member.architecture.label,
            reason=record.reason or "",
            detail=record.detail or "",
        )
        for record in store.failed_members(study)
    )
