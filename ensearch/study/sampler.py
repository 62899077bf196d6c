"""One Optuna study behind ask and tell: trials that are cells of a ladder, kept in the storage.

Which cell a trial gets is decided in `ladder_sampler`.
"""

import math
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from ensearch.budget import axis_of
from ensearch.errors import StorageError
from ensearch.search_space import Cell, Ladder
from ensearch.store import FOR_GOOD
from ensearch.study.ladder_sampler import LadderSampler


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """How many trials of a study are in which state; waiting ones go on at the next start.

    Failures that the next run tries again are not counted once it has begun.
    """

    done: int
    failed: int
    waiting: int


class Sampler:
    """One Optuna study, driven by one process.

    A trial that a stopped or killed driver left unfinished is set to WAITING; the next `ask`
    returns it again with the same number and parameters. Together with a seed derived from the
    trial's number, a resumed study goes on exactly as if it had not been interrupted.
    """

    def __init__(
        self,
        *,
        url: str,
        study: str,
        ladder: Ladder,
        name: str,
        seed: int,
        prepare: Callable[[Any], None],
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Open or create the study.

        `prepare` is given the storage's SQLAlchemy engine; inside `translated()` errors of the
        database become StorageError.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._translated = translated
        self._ladder_sampler = LadderSampler(ladder, name, seed)
        self._running: dict[int, Trial] = {}
        with translated(), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # A server may close a connection that is idle while members train.
            alive = {"pool_pre_ping": True}
            self._storage = optuna.storages.RDBStorage(url, engine_kwargs=alive)
            try:
                prepare(self._storage.engine)
                self._study = self._opened(study, ladder)
            except BaseException:
                self.close()
                raise

    def _opened(self, study: str, ladder: Ladder) -> optuna.Study:
        """The study of Optuna's. StorageError if it is none of ours."""
        opened = optuna.create_study(
            storage=self._storage,
            study_name=study,
            directions=["maximize", "minimize"],
            sampler=self._ladder_sampler,
            load_if_exists=True,
        )
        if opened.directions != [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]:
            raise StorageError(
                f"the storage holds an Optuna study {study!r} that ensearch did not make (its "
                f"directions are {[d.name.lower() for d in opened.directions]}).",
                problem="foreign_optuna_study",
                study=study,
            )
        spent = axis_of(ladder.budget.unit).key.replace("_", "-")
        opened.set_metric_names(["validation accuracy", f"log10 {spent}"])
        return opened

    def recover(self) -> None:
        """Set what a dead driver left RUNNING to WAITING.

        Trials that failed for a reason outside (killed, out of memory, ...) are forgiven: they no
        longer count, and what they tried may be tried again.
        """
        with self._translated():
            left = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            for trial in left:
                self._wait(trial.number)
            failed = self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
            self._ladder_sampler.forgiven = {
                t.number for t in failed if t.user_attrs.get("failure") != FOR_GOOD
            }

    def ask(self) -> tuple[int, Cell] | None:
        """The next trial's number and cell; None when every cell has been tried."""
        with self._translated():
            while True:
                if not self._ladder_sampler.has_untried(self._study) and not self._waiting():
                    return None
                trial = self._study.ask(self._ladder_sampler.distributions)
                self._running[trial.number] = trial
                cell = self._ladder_sampler.cell(trial.params)
                if cell is not None:
                    trial.set_user_attr("configuration", cell.label)
                    trial.set_user_attr("kind", "single network" if cell.is_single else "ensemble")
                    trial.set_user_attr("multiply_adds", cell.cost.macs)
                    return trial.number, cell
                # Somebody added this trial by hand: it names no cell within the budget.
                self.fail(trial.number, "not a configuration of this study's ladder")

    def _waiting(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,))

    def tell(self, number: int, accuracy: float, price: float) -> None:
        """End a trial with validation accuracy (a fraction) and its price by the budget's unit."""
        with self._translated():
            del self._running[number]
            self._study.tell(number, [accuracy, math.log10(price)])

    def fail(self, number: int, reason: str) -> None:
        """Record the reason, then the failure; attributes are frozen once a trial has ended."""
        with self._translated():
            self._running.pop(number).set_user_attr("failure", reason)
            self._study.tell(number, state=TrialState.FAIL)

    def release(self) -> None:
        """Leave trials under way to the next start."""
        with self._translated():
            for number in self._running:
                self._wait(number)
            self._running.clear()

    def _wait(self, number: int) -> None:
        """Set a trial to WAITING: a later ask goes on with it."""
        study = self._storage.get_study_id_from_name(self._study.study_name)
        trial = self._storage.get_trial_id_from_study_id_trial_number(study, number)
        self._storage.set_trial_state_values(trial, state=TrialState.WAITING)

    def close(self) -> None:
        """Give back the connections to the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def counts(self) -> Trials:
        with self._translated():
            trials = self._study.get_trials(deepcopy=False)
        forgiven = self._ladder_sampler.forgiven
        states = [trial.state for trial in trials if trial.number not in forgiven]
        return Trials(
            done=states.count(TrialState.COMPLETE),
            failed=states.count(TrialState.FAIL),
            waiting=states.count(TrialState.WAITING) + states.count(TrialState.RUNNING),
        )
