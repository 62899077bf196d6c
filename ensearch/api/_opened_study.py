"""A study whose images are read, on the devices where its members will train."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ensearch import datasets
from ensearch.api.progress import OnEvent
from ensearch.store import Store
from ensearch.study import options as run_options
from ensearch.study.config import StudyConfig
from ensearch.study.events import Note, Preparing
from ensearch.study.options import Limits, RunOptions

if TYPE_CHECKING:  # these import torch, optuna or matplotlib
    from ensearch.study.placement import Placement
    from ensearch.study.plan import StudyPlan
    from ensearch.study.precision import Precision
    from ensearch.study.study import Study


def never() -> bool:
    """Nobody interrupts."""
    return False


@dataclass(frozen=True, kw_only=True)
class OpenedStudy:
    """A study whose images are read, on the devices where its members will train."""

    study: "Study"
    store: Store
    where: "Placement"

    @classmethod
    def of(
        cls, config: StudyConfig, store: Store, options: RunOptions, show: OnEvent
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
        return cls(study=study, store=store, where=where)

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
        from ensearch.study import matches, speed, work
        from ensearch.study.plan import StudyPlan

        study = self.study
        precision = self._precision(margin, known or self.store)
        before = self.store.study_summary(study.config.name)
        told = before.trials_over
        left = max(0, min(trials, len(study.ladder.cells)) - told)
        show(Preparing(text="measuring how fast networks train here"))
        # Remedies take up to a second, which passes while a worker starts to measure.
        with ThreadPoolExecutor(1) as beside:
            remedies = beside.submit(matches.remedies, study.setting) if left else None
            here = speed.measured(study, self.store, self.where)
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
                study.images["val"],
            ),
            speed=here,
            images=study.images,
            workers=self.where.workers,
            device=self.where.name,
            notes=study.dataset.notes,
            told=told,
            kept=before.members,
            precision=precision,
            remedies=() if remedies is None else remedies.result(),
        )

    def _precision(self, margin: float | None, known: Store) -> "Precision":
        """What the study can decide, by how far accuracies vary in a storage."""
        from ensearch.fronts import MARGIN
        from ensearch.study import precision

        study = self.study
        schedules = {cell.schedule for cell in study.ladder.cells}
        spread = precision.known(known, study.dataset.fingerprint, schedules, study.macs)
        return precision.expect(
            spread or precision.guess(study.config.dataset),
            images=study.images["val"],
            seeds=study.config.seeds,
            margin=MARGIN if margin is None else margin,
            most_images=study.most_val,
        )
