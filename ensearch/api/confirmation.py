"""Confirming a study: fresh seeds, a longer schedule, the test split."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ensearch import units
from ensearch.api import progress
from ensearch.api._opened_study import OpenedStudy, never
from ensearch.api.progress import OnEvent
from ensearch.confirmation import conclusion, deciding
from ensearch.confirmation.finalists import FEWEST
from ensearch.confirmation.plan import Confirmation, Request
from ensearch.errors import UnfinishedError, UsageError, at_least_one
from ensearch.store import Store, storage_url
from ensearch.study import config as configs
from ensearch.study.config import StudyConfig
from ensearch.study.events import Note, Planned
from ensearch.study.options import RunControl, RunOptions

if TYPE_CHECKING:  # these import torch or matplotlib
    from ensearch.confirmation.announcement import Announcement
    from ensearch.report.confirmation.results import Confirmed as Confirmed
    from ensearch.study.speed import Speed


def confirm(
    study: str,
    *,
    budgets: str | float | Sequence[str | float] | None = None,
    top: int = 1,
    fewest: int | None = None,
    epochs: int | None = None,
    members: int | None = None,
    retrain: bool = True,
    settle: bool = False,
    distil: bool = False,
    timeout: float | str | None = None,
    workers: int | None = None,
    device: str | None = None,
    launcher: str | None = None,
    ray_address: str | None = None,
    weights: bool | None = None,
    storage: str | Path | None = None,
    data_dir: str | Path | None = None,
    retrain_missing: bool = False,
    take_over: bool = False,
    on_event: OnEvent | None = None,
    is_interrupted: Callable[[], bool] = never,
) -> "Confirmed":
    """Retrain the best configurations with fresh seeds for longer, and score them once on test.

    The same call again goes on where it was interrupted; another one makes another plan, which is
    recorded as another use of the test split.

    Args:
        study: its name.
        budgets: to compare at, in the unit of the study's budget; those of the report if nothing is
            said.
        top: how many of the best single networks, and of the best ensembles, of each budget.
        fewest: retrain at least this many configurations; 12 by default.
        epochs: train every member for this many epochs; 4 times the search's by default.
        members: train at least this many of each network; 2 by default.
        retrain: if False, the search's own members are scored: optimistic.
        settle: then train more members of finalists to decide what is undecided, for at most as
            much as was trained before: at most four looks at test, which count as one use of it.
        distil: train the best single network once more, on the mean probabilities of the best
            ensemble in place of labels, and compare it with both. Needs the ensemble's weights.
        retrain_missing: train members again whose files are gone.
        is_interrupted: is asked now and then; where it is true the run ends, and can be gone on
            with.

    The other options are those of `run`.

    Raises:
        UsageError, UnavailableError: as `run`.
        StorageError: there is no such study, nothing of it is evaluated, or files are missing.
        TrialsFailedError: no finalist is left, because members failed.
        UnfinishedError: the confirmation was stopped before it was over.
    """
    request = _request(
        top=top,
        fewest=fewest,
        epochs=epochs,
        members=members,
        retrain=retrain,
        settle=settle,
        distil=distil,
    )
    asked = RunOptions(
        timeout=timeout,
        workers=workers,
        device=device,
        launcher=launcher,
        ray_address=ray_address,
        weights=weights,
        storage=storage,
        data_dir=data_dir,
    )
    seconds = units.parse_timeout(timeout)
    with Store.open(storage_url(storage), create=False) as store, progress.shown(on_event) as show:
        config = configs.from_dict(store.study(study).config)
        if budgets is not None:
            counts = units.parse_counts(budgets, "budgets")
            request = replace(request, budgets=tuple(b / config.axis.factor for b in counts))
        plan = deciding.decide(store, config, request)
        if plan.finished:
            complete = f"confirmation {plan.number} of {study} is complete"
            show(Note(text=f"{complete}: nothing is trained or scored"))
        else:
            control = RunControl(
                take_over=take_over,
                retrain_missing=retrain_missing,
                on_event=show,
                is_interrupted=is_interrupted,
            )
            _Work(config=config, store=store, plan=plan).run(asked, seconds, control)
        return _conclude(store, study, plan.number)


def _request(
    *,
    top: int,
    fewest: int | None,
    epochs: int | None,
    members: int | None,
    retrain: bool,
    settle: bool,
    distil: bool,
) -> Request:
    """Return what is asked for, but for the budgets. Raises UsageError."""
    training = {"epochs": epochs, "members": members, "settle": settle, "distil": distil}
    for option, value in training.items():
        if value and not retrain:
            raise UsageError(
                f"{option} says how to retrain, and nothing is to be retrained.",
                problem="no_retraining",
                option=option,
            )
    numbers = {"top": top, "fewest": fewest, "epochs": epochs, "members": members}
    for option, number in numbers.items():
        at_least_one(option, number)
    usual = Request()
    return replace(
        usual,
        top=top,
        fewest=FEWEST if fewest is None else fewest,
        epochs=epochs,
        members=usual.members if members is None else members,
        retrain=retrain,
        settle=settle,
        distil=distil,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A plan that is to be trained and scored."""

    config: StudyConfig
    store: Store
    plan: Confirmation

    def run(self, asked: RunOptions, seconds: float | None, control: RunControl) -> None:
        """Train and score; UnfinishedError if the run was stopped before it was over."""
        from ensearch.confirmation import run

        show = control.on_event
        opened = OpenedStudy.of(self.config, self.store, asked, show)
        if self.plan.request.distil and not opened.where.keep_weights:
            raise UsageError(
                "a network learns from the weights of the ensemble's members, which are not to be "
                "kept.",
                problem="distilling_without_weights",
            )
        speed = self._speed(opened)
        announcement = self._announcement(opened, speed)
        show(
            Planned(
                lines=tuple(announcement.lines()),
                unit="members",
                total=announcement.work.members,
                flops_per_mac=self.config.flops_per_mac,
                axis=self.config.axis,
            )
        )
        reason = run.run(
            opened.study,
            self.store,
            self.plan,
            opened.where,
            control,
            speed=speed,
            seconds=seconds,
        )
        if reason != "done":
            scored = self.store.evaluations(self.config.name, self.plan.stage, "test")
            raise UnfinishedError(
                f"{progress.REASONS[reason]}: members that are trained are kept, and "
                f"{'so is what earlier looks scored' if scored else 'nothing has been scored yet'}."
            )

    def _speed(self, opened: OpenedStudy) -> "Speed":
        """Measure how fast members train here, if any may be trained."""
        from ensearch.confirmation import work
        from ensearch.study import speed
        from ensearch.study.speed import Speed

        nothing = Speed(fixed=0.0, per_mac=0.0)
        ahead = work.ahead(opened.study, self.store, self.plan, nothing, opened.where.workers)
        if ahead.train_macs or self.plan.request.settle:
            return speed.measured(opened.study, self.store, opened.where)
        return nothing

    def _announcement(self, opened: OpenedStudy, speed: "Speed") -> "Announcement":
        """Return what is ahead."""
        from ensearch.confirmation import work
        from ensearch.confirmation.announcement import Announcement

        study, where = opened.study, opened.where
        summary = self.store.study_summary(self.config.name)
        asked = summary.trials_asked if summary.searching else None
        return Announcement(
            config=self.config,
            plan=self.plan,
            work=work.ahead(study, self.store, self.plan, speed, where.workers),
            images=study.images,
            where=where,
            device=opened.where.name,
            before=self.store.uses_before_confirmation(self.config.name, self.plan.number),
            searched=None if asked is None else (summary.trials_over, asked),
        )


def _conclude(store: Store, study: str, number: int) -> "Confirmed":
    """Return what was found, and keep for the search's report what it says of the crossover."""
    from ensearch.report.confirmation.results import collect

    confirmed = collect(store, study, number)
    if confirmed.shift is not None:
        conclusion.save(store, study, confirmed.plan, confirmed.shift.verdict)
    return confirmed
