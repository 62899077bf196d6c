"""One run of a search, from the images that are read to the results that are returned."""

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ensearch.api._opened_study import OpenedStudy
from ensearch.api.progress import OnEvent
from ensearch.api.results import keep_answer
from ensearch.errors import StorageError, TrialsFailedError, UnfinishedError
from ensearch.store import Store
from ensearch.study.config import StudyConfig
from ensearch.study.events import Event, MemberDone, Note, Planned, SearchEnded
from ensearch.study.options import RunControl, RunOptions
from ensearch.units import counted

if TYPE_CHECKING:  # these import torch, optuna or matplotlib
    from ensearch.report.study.results import Results
    from ensearch.study.plan import StudyPlan
    from ensearch.study.settlement import Request


@dataclass(slots=True)
class _Timed:
    """Hands events on, and keeps the seconds and multiply-adds that training members took."""

    on_event: OnEvent
    seconds: list[float] = field(default_factory=list)
    train_macs: float = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, MemberDone) and event.train_macs:
            self.seconds.append(event.seconds)
            self.train_macs += event.train_macs
        self.on_event(event)


def search_study(
    config: StudyConfig,
    store: Store,
    options: RunOptions,
    control: RunControl,
    *,
    settle: bool,
) -> "Results":
    """Search until a limit is reached, settle if that is planned, and return what is known then."""
    started, name, show = time.monotonic(), config.name, control.on_event
    opened = OpenedStudy.of(config, store, options, show)
    from ensearch.study import search, settlement
    from ensearch.study.settlement import Request

    limits = opened.limits(options)
    plan = opened.plan(limits.trials, show)
    show(_planned(plan, limits.trials))
    timed = _Timed(show)
    ended = search.run(
        opened.study,
        store,
        limits,
        opened.where,
        replace(control, on_event=timed),
        expected=plan.work,
        settle=(lambda: settlement.plan(store, name, Request())) if settle else None,
    )
    _judge(opened, plan, timed, show)
    show(ended)
    _refuse_nothing(name, store, ended)
    # Also one that an earlier run began.
    over, margin = ended.reason not in ("interrupted", "time"), None
    if over and store.open_settlement(name) is not None:
        left = limits.seconds and max(limits.seconds - (time.monotonic() - started), 0.0)
        margin = settle_study(opened, Request(), left, control)
    return known_now(name, store, show, margin)


def _planned(plan: "StudyPlan", trials: int) -> Planned:
    return Planned(
        lines=tuple(plan.brief()),
        unit="trials",
        total=trials,
        flops_per_mac=plan.config.flops_per_mac,
        axis=plan.config.axis,
        done=plan.told,
        remedies=plan.remedies,
    )


def settle_study(
    opened: OpenedStudy, request: "Request", seconds: float | None, control: RunControl
) -> float:
    """Train members to decide what is undecided, for at most `seconds`; the margin of the plan."""
    from ensearch.study import settlement, speed

    control.on_event(
        settlement.run(
            opened.study,
            opened.store,
            request,
            opened.where,
            control,
            speed=speed.measured(opened.study, opened.store, opened.where),
            seconds=seconds,
        )
    )
    return opened.store.settlements(opened.study.config.name)[-1].margin


def settling_line(opened: OpenedStudy, request: "Request") -> str:
    """Return in words what a settlement may do."""
    from ensearch.study import settlement

    plan = settlement.plan(opened.store, opened.study.config.name, request)
    return (
        f"up to {plan.cost:g} times the training of the search, at most {plan.looks} looks, "
        f"{counted(opened.where.workers, 'worker')} on {opened.where.name}"
    )


def _judge(opened: OpenedStudy, plan: "StudyPlan", timed: _Timed, show: OnEvent) -> None:
    """Forget a speed that training contradicts, and say so."""
    from ensearch.study import speed

    ratio = speed.contradiction(plan.speed, opened.study, timed.seconds, timed.train_macs)
    if ratio is not None:
        speed.forget(opened.study, opened.store, opened.where)
        show(
            Note(
                text=f"training took {ratio:.2g} times as long as the plan's speed says: the next "
                "run measures it again"
            )
        )


def _refuse_nothing(study: str, store: Store, ended: SearchEnded) -> None:
    """Raise an error where nothing has been evaluated."""
    if ended.done == 0 and ended.failed:
        reasons = sorted({trial.reason or "unknown" for trial in store.trials(study)})
        raise TrialsFailedError(
            f"all {ended.failed} trials of study {study} failed: {', '.join(reasons)}.",
            problem="members_failed",
            study=study,
        )
    if ended.done == 0:
        raise UnfinishedError(
            "nothing has been evaluated yet.", problem="nothing_evaluated", study=study
        )


def known_now(study: str, store: Store, show: OnEvent, margin: float | None = None) -> "Results":
    """Return what is known, keep that it was shown, and put it on the dashboard's page.

    What is kept and published is by the usual margin, which whoever reads it later cannot ask.
    """
    from ensearch.report.dashboard import dashboard
    from ensearch.report.study.results import collect
    from ensearch.study import looks

    results = collect(store, study, patiently=True)
    summary = store.study_summary(study)
    if not results.under_way:
        looks.keep(store, study, summary.trained, results.fronts.claims)
    keep_answer(store, summary, results)
    try:
        with store.translated():
            dashboard.publish(store.optuna_url, results, prepare=store.prepare)
    except StorageError as error:  # a page that is old must not cost anybody the result
        show(Note(text=f"the study's page of the dashboard is not up to date: {error}"))
    if margin is None or margin == results.fronts.margin:
        return results
    return collect(store, study, margin=margin, patiently=True)
