"""The loop: ask -> launch -> score -> record -> tell.

Trials are told in the order in which they were asked, and trial n is asked once trial n - window
has been told. What the sampler has seen at each ask therefore does not depend on timing: a study
that was interrupted and resumed ends with the same evaluations as one that was not, if as many
workers train (the window is twice their number).
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ensearch.core import Evaluation, evaluation_key
from ensearch.fronts import best_within
from ensearch.search_space import Cell
from ensearch.store import Store, TrialRecord
from ensearch.study import pace, scoring
from ensearch.study.events import EndReason, Evaluated, Event, TrialDone, TrialFailed
from ensearch.study.members import MemberQueue
from ensearch.study.options import Limits
from ensearch.study.pace import TICK, Renewal
from ensearch.study.sampler import Sampler
from ensearch.study.study import Study
from ensearch.study.work import SearchWork


@dataclass(slots=True, kw_only=True)
class _Pending:
    """A trial that has been asked and not been told."""

    number: int
    cell: Cell
    keys: tuple[str, ...]  # of its members, at least as many as the cell's size


@dataclass(slots=True, kw_only=True)
class Driver:
    """One run of a study, from the first ask to the last tell."""

    study: Study
    store: Store
    renew: Renewal
    sampler: Sampler
    queue: MemberQueue
    limits: Limits
    on_event: Callable[[Event], None]
    is_interrupted: Callable[[], bool]
    expected: SearchWork | None
    window: deque[_Pending] = field(default_factory=deque)
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by network
    evaluations: dict[str, Evaluation] = field(default_factory=dict)  # by key
    best: dict[bool, Evaluation | None] = field(default_factory=dict)  # by whether it is single
    budgets: tuple[float, ...] = ()  # compared ones, ascending
    charged: float = 0.0  # seconds of the driver's own work that trials were charged with
    told: int = 0
    told_before: int = 0
    spent_before: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def restore(self) -> None:
        """Take over what earlier runs of the study have left; train again what has lost files."""
        name = self.study.config.name
        self.sampler.recover()
        stored = self.store.evaluations(name)
        self.budgets = tuple(sorted(self.study.ladder.budgets))
        self.keep(stored)
        self.members = dict(self.store.evaluation_members(name))
        counts = self.sampler.counts()
        self.told = self.told_before = counts.done + counts.failed
        self.spent_before = self.queue.spent
        self.show_evaluated()
        used = self.store.members({key for keys in self.members.values() for key in keys})
        members = [record.member for record in used.values()]
        self.queue.require(members)
        while self.queue.outcomes(list(used)) is None and self.ended_from_outside() is None:
            self.queue.collect(TICK)
            self.renew()

    def run(self) -> EndReason:
        """Work until a limit is reached or somebody interrupts; return why it ended."""
        while True:
            ended = self.ended_from_outside()
            if ended is not None:
                return ended
            reason = self.fill()
            if reason is not None and not self.window:
                return reason
            # Told only once all are asked that may be: what an ask knows does not depend on time.
            is_asking = reason is None and self.has_room()
            told = not is_asking and self.tell_first()
            # Also where nothing is waited for: workers are, and who holds the lease must be seen.
            self.queue.collect(0.0 if told or is_asking else TICK)
            self.renew()

    def ended_from_outside(self) -> EndReason | None:
        """Why the run ends whatever is left to do; None as long as it may go on."""
        return pace.stopped(self.started, self.limits.seconds, self.is_interrupted)

    def has_room(self) -> bool:
        """Whether one more trial may be asked before the first in line is told."""
        # Twice the slots: a trial of one member does not leave the other workers idle while the
        # first in line is told. 8 asks in flight cost nothing measurable in hypervolume.
        slots = self.queue.launcher.slots
        return len(self.window) < (1 if slots == 1 else 2 * slots)

    def fill(self) -> EndReason | None:
        """Ask until the window is full; else return the reason why no more can be asked.

        For hundreds of workers that takes minutes: it goes on later where it takes longer than a
        tick.
        """
        end = time.monotonic() + TICK
        while self.has_room():
            asked = self.told + len(self.window)
            if asked >= self.limits.trials:
                # No trial repeats another: more could not be asked for.
                return "exhausted" if asked >= len(self.study.ladder.cells) else "trials"
            limit = self.limits.train_macs
            if limit is not None and self.queue.spent + self.queue.committed >= limit:
                return "train budget"
            asked_now = self.sampler.ask()
            if asked_now is None:
                return "exhausted"
            number, cell = asked_now
            members = self.study.members(cell)
            self.queue.require(members)
            keys = tuple(member.key for member in members)
            self.window.append(_Pending(number=number, cell=cell, keys=keys))
            if time.monotonic() >= end:
                break
        return None

    def tell_first(self) -> bool:
        """Score, record and tell the first trial in line, if all its members have ended.

        It fails where fewer members are left than its ensemble needs: those that it has beyond
        them show the luck of training, and are missed there alone. Recorded before it is told: a
        kill in between leaves it to be told again, not lost.
        """
        trial = self.window[0]
        outcomes = self.queue.outcomes(trial.keys)
        if outcomes is None:
            return False
        self.window.popleft()
        each = zip(trial.keys, outcomes, strict=True)
        keys = [key for key, outcome in each if outcome == ""]
        self.evaluate(trial, keys)
        failures = sorted({outcome for outcome in outcomes if outcome})
        reason = ", ".join(failures) if len(keys) < trial.cell.size else None
        self.store.save_trial(
            self.study.config.name,
            TrialRecord(
                number=trial.number,
                state="failed" if reason else "done",
                network=trial.cell.network,
                size=trial.cell.size,
                reason=reason,
                overhead_seconds=self.overhead(),
                members=tuple(keys),
            ),
        )
        self.told += 1
        if reason:
            self.sampler.fail(trial.number, reason)
            self.on_event(
                TrialFailed(
                    label=trial.cell.label,
                    reason=reason,
                    told=self.told,
                    trials=self.limits.trials,
                )
            )
        else:
            evaluation = self.evaluations[evaluation_key(trial.cell.size, trial.cell.network)]
            self.sampler.tell(trial.number, evaluation.scores.accuracy, evaluation.price)
            self.on_event(self.trial_done(trial, evaluation))
            self.show_evaluated()
        return True

    def show_evaluated(self) -> None:
        """Tell what has been evaluated by now."""
        rows = tuple(self.evaluations.values())
        self.on_event(Evaluated(evaluations=rows, budgets=self.budgets))

    def overhead(self) -> float:
        """Seconds of the driver's own work since it last recorded a trial.

        All that it does besides waiting for members, for this trial or others: the trials of a run
        add up to what everything around training took. The first pays for the start.
        """
        worked = time.monotonic() - self.started - self.queue.waited
        since, self.charged = worked - self.charged, worked
        return since

    def evaluate(self, trial: _Pending, keys: list[str]) -> None:
        """Evaluate every size that the network's members now allow, the budget and the space."""
        cell, known = trial.cell, self.members.get(trial.cell.network, ())
        # More members than the trial's are those of a settlement, which adds no sizes.
        keys = max(keys, list(known), key=len)
        is_new = evaluation_key(cell.size, cell.network) not in self.evaluations
        if len(keys) <= len(known) and not (is_new and cell.size <= len(keys)):
            return
        self.members[cell.network] = tuple(keys)
        rows = scoring.evaluate(
            self.study,
            self.store,
            cell.architecture,
            cell.schedule,
            keys,
            self.study.largest_size(cell.architecture),
        )
        self.keep(rows)

    def keep(self, rows: Sequence[Evaluation]) -> None:
        """Keep new rows, and which are the best by now.

        All rows are compared only where the best of them was evaluated again.
        """
        new = {row.key: row for row in rows}
        self.evaluations |= new
        for is_single in (True, False):
            best = self.best.get(is_single)
            if best is None or best.key not in new:
                compared = [*([best] if best else []), *rows]
            else:
                compared = list(self.evaluations.values())
            budget = self.study.config.budget.amount
            self.best[is_single] = best_within(compared, budget, singles=is_single)

    def trial_done(self, trial: _Pending, evaluation: Evaluation) -> TrialDone:
        return TrialDone(
            number=trial.number,
            label=trial.cell.label,
            evaluation=evaluation,
            told=self.told,
            trials=self.limits.trials,
            seconds_left=self.seconds_left(),
            best_single=self.best[True],
            best_ensemble=self.best[False],
        )

    def seconds_left(self) -> float:
        """Seconds until the trials that were asked for are done.

        What is over is the mean of two shares, of the trials and of the expected training: trials
        alone mislead at first, when large ensembles are new, and training alone at the end, when
        trials find their members in the pool.
        """
        if self.told >= self.limits.trials:
            return 0.0
        elapsed = time.monotonic() - self.started
        ahead = max(1, self.limits.trials - self.told_before)
        over = (self.told - self.told_before) / ahead
        if self.expected is None or not self.expected.train_macs:
            return pace.seconds_left(over, elapsed, None)
        trained = self.queue.spent - self.spent_before
        over = (over + min(1.0, trained / self.expected.train_macs)) / 2
        return pace.seconds_left(over, elapsed, self.expected.seconds)
