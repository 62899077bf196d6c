"""One run of a search, from the images that are read to the results that are returned."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ensearch import datasets
from ensearch.api import progress
from ensearch.api.progress import OnEvent
from ensearch.api.results import keep_answer
from ensearch.errors import StorageError, TrialsFailedError, UnfinishedError
from ensearch.store import Store
from ensearch.study import config as configs
from ensearch.study import options as run_options
from ensearch.study.config import StudyConfig
from ensearch.study.events import Event, MemberDone, Note, Planned, Preparing, SearchEnded
from ensearch.study.options import Limits, RunOptions
from ensearch.units import counted

if TYPE_CHECKING:  # these import torch, optuna or matplotlib
    from ensearch.report.study.results import Results
    from ensearch.study.placement import Placement
    from ensearch.study.plan import StudyPlan
    from ensearch.study.settlement import Request
    from ensearch.study.study import Study


def never() -> bool:
    """Nobody interrupts."""
    return False


class PlacementOptions(Protocol):
    """The options of a search or of a confirmation that say where its members train."""

    @property
    def workers(self) -> int | None: ...
    @property
    def device(self) -> str | None: ...
    @property
    def launcher(self) -> str | None: ...
    @property
    def ray_address(self) -> str | None: ...
    @property
    def weights(self) -> bool | None: ...
    @property
    def data_dir(self) -> str | Path | None: ...


@dataclass(frozen=True, kw_only=True)
class OpenedStudy:
    """A study whose images are read, on the devices where its members will train."""

    study: "Study"
    store: Store
    where: "Placement"
    device: str  # for people

    @classmethod
    def of(
        cls, config: StudyConfig, store: Store, options: PlacementOptions, show: OnEvent
    ) -> "OpenedStudy":
        """Read the images, prepare the launcher, and open or create the study."""
        show(Preparing(text=f"reading {config.dataset}"))  # before PyTorch is: that takes seconds
        from ensearch.study.placement import placement
        from ensearch.study.study import open_study
        from ensearch.study.timing import Timer

        where = placement(
            launcher=options.launcher,
            device=options.device,
            workers=options.workers,
            ray_address=options.ray_address,
            weights=options.weights,
            families={config.space.family, *(shape.family for shape in config.space.shapes)},
        )
        for note in where.notes:
            show(Note(text=note))
        data_dir = datasets.data_folder(options.data_dir)
        timer = Timer(
            store=store,
            where=where,
            on_progress=lambda text: show(Preparing(text=text)),
            on_note=lambda text: show(Note(text=text)),
        )
        study = open_study(config, store, data_dir, where.name, timer)
        return cls(study=study, store=store, where=where, device=where.name)

    def limits(self, options: RunOptions) -> Limits:
        """Return the limits that the options set.

        Where they name no trials, it is what a new study gets, or as many as were asked for the
        last time if these are more.
        """
        from ensearch.study import start

        config, ladder = self.study.config, self.study.ladder
        usual = max(run_options.usual_trials(config.seeds), start.trials(ladder) + start.BEYOND)
        return run_options.limits(options, max(usual, self.store.trials_asked(config.name) or 0))

    def plan(
        self,
        trials: int,
        show: OnEvent,
        margin: float | None = None,
        known: Store | None = None,
    ) -> "StudyPlan":
        """Return what is ahead, at the speed that is measured here.

        `known` is the storage whose networks say how far accuracies vary; the study's own if none
        is given.
        """
        from ensearch.fronts import MARGIN
        from ensearch.study import matches, precision, speed, work
        from ensearch.study.plan import StudyPlan

        study = self.study
        spread = precision.known(
            known or self.store,
            study.dataset.fingerprint,
            {cell.schedule for cell in study.ladder.cells},
            study.macs,
        )
        show(Preparing(text="measuring how fast networks train here"))
        here = speed.measured(study, self.store, self.where)
        before = next(s for s in self.store.summaries() if s.name == study.config.name)
        told = before.trials_done + before.trials_failed
        left = max(0, min(trials, len(study.ladder.cells)) - told)
        return StudyPlan(
            config=study.config,
            ladder=study.ladder,
            work=work.estimate(
                study.ladder,
                study.images["train"],
                left,
                study.config.seeds,
                here,
                self.where.workers,
                told,
            ),
            speed=here,
            images=study.images,
            workers=self.where.workers,
            device=self.device,
            notes=study.dataset.notes,
            told=told,
            kept=before.members,
            precision=precision.expect(
                spread or precision.guess(study.config.dataset),
                images=study.images["val"],
                seeds=study.config.seeds,
                margin=MARGIN if margin is None else margin,
                most_images=study.most_val,
            ),
            remedies=matches.remedies(study.setting) if left else (),
        )


@dataclass(slots=True)
class _Timed:
    """Hands events on, and keeps the seconds that members took."""

    on_event: OnEvent
    seconds: list[float] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, MemberDone):
            self.seconds.append(event.seconds)
        self.on_event(event)


def search_study(
    config: StudyConfig,
    store: Store,
    options: RunOptions,
    *,
    settle: bool,
    take_over: bool,
    retrain_missing: bool,
    on_event: OnEvent | None,
    is_interrupted: Callable[[], bool],
) -> "Results":
    """Search until a limit is reached, settle if that is planned, and return what is known then."""
    started, name = time.monotonic(), config.name
    with progress.shown(on_event) as show:
        opened = OpenedStudy.of(config, store, options, show)
        from ensearch.study import search, settlement
        from ensearch.study.settlement import Request

        limits = opened.limits(options)
        plan = opened.plan(limits.trials, show)
        show(
            Planned(
                lines=tuple(plan.brief()),
                unit="trials",
                total=limits.trials,
                flops_per_mac=config.flops_per_mac,
                axis=config.axis,
                done=plan.told,
                remedies=plan.remedies,
            )
        )
        spent = store.trained_macs(name)
        timed = _Timed(show)
        ended = search.run(
            opened.study,
            store,
            limits,
            opened.where,
            expected=plan.work,
            settle=(lambda: settlement.plan(store, name, Request())) if settle else None,
            take_over=take_over,
            retrain_missing=retrain_missing,
            on_event=timed,
            is_interrupted=is_interrupted,
        )
        _judge(opened, plan, timed.seconds, store.trained_macs(name) - spent, show)
        show(ended)
        _refuse_nothing(name, store, ended)
        # Also one that an earlier run began.
        if ended.reason != "interrupted" and store.open_settlement(name) is not None:
            left = limits.seconds and max(limits.seconds - (time.monotonic() - started), 0.0)
            settle_study(
                opened,
                Request(),
                left,
                take_over=take_over,
                retrain_missing=retrain_missing,
                show=show,
                is_interrupted=is_interrupted,
            )
        return known_now(name, store, show)


def settle_study(
    opened: OpenedStudy,
    request: "Request",
    seconds: float | None,
    *,
    take_over: bool,
    retrain_missing: bool,
    show: OnEvent,
    is_interrupted: Callable[[], bool],
) -> None:
    """Train members where they decide most, for at most `seconds`."""
    from ensearch.study import settlement, speed

    show(
        settlement.run(
            opened.study,
            opened.store,
            request,
            opened.where,
            speed=speed.measured(opened.study, opened.store, opened.where),
            seconds=seconds,
            take_over=take_over,
            retrain_missing=retrain_missing,
            on_event=show,
            is_interrupted=is_interrupted,
        )
    )


def settling_line(opened: OpenedStudy, request: "Request") -> str:
    """Return in words what a settlement may do."""
    from ensearch.study import settlement

    plan = settlement.plan(opened.store, opened.study.config.name, request)
    return (
        f"up to {plan.cost:g} times the training of the search, at most {plan.looks} looks, "
        f"{counted(opened.where.workers, 'worker')} on {opened.device}"
    )


def _judge(
    opened: OpenedStudy, plan: "StudyPlan", seconds: list[float], train_macs: float, show: OnEvent
) -> None:
    """Forget a speed that training contradicts, and say so."""
    from ensearch.study import speed

    ratio = speed.contradiction(plan.speed, opened.study, seconds, train_macs)
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


def known_now(study: str, store: Store, show: OnEvent) -> "Results":
    """Return what is known, keep that it was shown, and put it on the dashboard's page."""
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
    return results


def already_there(known: Store, planned: Store, study: str, options: RunOptions) -> str:
    """Return what a person who plans a study should know of the stored one of that name."""
    before, asked = (configs.completed(s.study(study).config) for s in (known, planned))
    # Budgets follow from the rest; arrays are kept in another folder here, and their images count.
    follows = {"budgets", *([] if isinstance(options.dataset, str) else ["dataset"])}
    differing = [str(d) for d in configs.differences(before, asked) if d.key not in follows]
    done = counted(known.study_summary(study).trials_done, "trial")
    exists = f"study {study} exists, with {done} done"
    if not differing:
        return f"{exists}: a run goes on with it, and this plan is of a new one"
    return (
        f"{exists} and another configuration ({'; '.join(differing)}): a run with "
        "these options is refused, and this plan is of a new study"
    )
