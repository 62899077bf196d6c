"""Train the members of a task: side by side where that is faster, else one after another."""

import math
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ensearch.errors import UnavailableError
from ensearch.launch import (
    Failed,
    Measured,
    MemberJob,
    Parted,
    Update,
    WorkerSpentError,
    lockstep_key,
)
from ensearch.training import loop, strategies
from ensearch.training.data import Images
from ensearch.training.device import is_out_of_memory, reproducible
from ensearch.training.hardware import gpu_problem
from ensearch.training.lockstep import Lockstep
from ensearch.training.loop import begin, end_epoch, images_of, save_checkpoint, train_alone
from ensearch.training.recording import RecordingFailedError
from ensearch.training.state import State, note
from ensearch.training.strategies import DeviceLostError
from ensearch.training.strategy import ALONE, Strategy, by_name, candidates


def train_members(jobs: tuple[MemberJob, ...], report: Callable[[Update], None]) -> None:
    """Train the members and predict their jobs' splits, or say why not: see `launch.Train`."""
    problem = gpu_problem() if jobs[0].device == "cuda" else None
    if problem is not None:
        for job in jobs:
            says = f"no GPU can be used here: {problem}."
            report(Failed(key=job.member.key, reason="unavailable", detail=says, problem="no_cuda"))
        return
    states: dict[str, State] = {}
    if _may_be_together(jobs):
        try:
            with reproducible(jobs[0].device):
                _train_together(jobs, report, states)
        except DeviceLostError as lost:
            report(lost.measured)
            raise WorkerSpentError(str(lost)) from None
        except UnavailableError:
            pass  # without its data every member alone fails, and its failure says why
        except Exception as error:
            # Alone each may still train. Memory that did not suffice for all of them is the usual
            # reason; whatever else it was, the user reads it.
            report(_parted(jobs, error))
    for job in jobs:
        _train_alone(job, report, states.pop(job.member.key, None))


def _train_alone(job: MemberJob, report: Callable[[Update], None], state: State | None) -> None:
    """Train a member and report what became of it, unless another process should try that again."""
    outcome = train_alone(job, report, state)
    failed = isinstance(outcome, Failed) and outcome.reason in ("error", "out_of_memory")
    # After an illegal access, for one, all members that follow would fail in this process too.
    problem = strategies.trouble() if failed and job.device == "cuda" else None
    if problem is None:
        report(outcome)
        return
    if job.plain:  # it has been tried before
        report(outcome)
    raise WorkerSpentError(f"the GPU stopped answering ({problem})")


def _may_be_together(jobs: Sequence[MemberJob]) -> bool:
    """Whether there is more than one strategy to train the jobs."""
    first = jobs[0]
    same = {(job.member.network, job.member.dataset) for job in jobs}
    return (
        len(same) == 1
        and not any(job.plain or job.weights is not None for job in jobs)
        and bool(candidates(first.device, len(jobs)))
    )


def _parted(jobs: Sequence[MemberJob], error: Exception) -> Parted:
    """The news that the jobs train one after another because of the error."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return Parted(
        lockstep_key=lockstep_key(jobs[0].member),
        members=len(jobs),
        detail=strategies.in_brief(error) + where,
    )


def _train_together(
    jobs: Sequence[MemberJob], report: Callable[[Update], None], states: dict[str, State]
) -> None:
    """Train the members together as far as that goes, and note in `states` how far each has come.

    What is left, from nothing at all to everything, is for each to do alone.
    """
    images = images_of(jobs[0])
    begun = {job.member.key: begin(job) for job in jobs}
    epochs = {len(state.losses) for state in begun.values()}
    if len(epochs) > 1 or epochs == {jobs[0].member.schedule.epochs}:
        states |= begun
        return
    # In lockstep each member would have its own images sent; and networks for images that do not
    # fit on a device keep it busy alone.
    if images.streamed:
        return
    measured = _measured(jobs, list(begun.values()), images, report)
    strategy = by_name(measured.strategy, jobs[0].device, len(jobs)) or ALONE
    if strategy == ALONE:
        # Nothing has been trained: each begins anew when it is its turn, alone in the memory.
        return
    group = _Group(jobs, begun, images, strategy, measured, report)
    try:
        group.train()
    finally:
        (start,) = epochs
        states |= {key: state for key, state in begun.items() if len(state.losses) > start}


def _measured(
    jobs: Sequence[MemberJob],
    states: Sequence[State],
    images: Images,
    report: Callable[[Update], None],
) -> Measured:
    """What was measured of such members, here; measured now as far as it never was."""
    device, members = jobs[0].device, [job.member for job in jobs]
    asked = (lockstep_key(members[0]), strategies.conditions(device, images), len(jobs))
    begun: Measured | None = None
    for known in jobs[0].measured:
        usable = by_name(known.strategy, device, len(jobs)) is not None
        if (known.lockstep_key, known.place, known.members) == asked and usable:
            if known.complete:
                return known
            begun = known
    measured = strategies.measure(states, members, images, known=begun)
    if len(measured.rates) + len(measured.dropped) > 1:  # else there was no time to try a strategy
        report(measured)
    return measured


class _Group:
    """Members that train in lockstep until their last epoch, or until they have to part."""

    def __init__(
        self,
        jobs: Sequence[MemberJob],
        states: dict[str, State],
        images: Images,
        strategy: Strategy,
        measured: Measured,
        report: Callable[[Update], None],
    ) -> None:
        self._jobs, self._states, self._images = list(jobs), states, images
        self._strategy, self._measured, self._report = strategy, measured, report
        self._most = strategy.chunk
        self._locksteps: dict[int, Lockstep] = {}  # by number of members

    def train(self) -> None:
        """Train the members as far as they go together; the states end after a whole epoch.

        Raises DeviceLostError.
        """
        saved = time.perf_counter()
        start = len(self._states[self._jobs[0].member.key].losses)
        for epoch in range(start, self._jobs[0].member.schedule.epochs):
            self._epoch(list(self._jobs), epoch)
            if not self._jobs:
                return
            if time.perf_counter() - saved >= loop.CHECKPOINT_SECONDS:
                for job in self._jobs:
                    save_checkpoint(job, self._states[job.member.key])
                saved = time.perf_counter()

    def _epoch(self, jobs: list[MemberJob], epoch: int) -> None:
        """Train an epoch of these; those that cannot go on together leave the group."""
        while jobs and self._jobs:
            group = jobs[: self._most]
            began = time.perf_counter()
            losses = self._try(group, epoch)
            if losses is None:
                continue  # in smaller groups, or not at all
            diverged = [job for job in group if not math.isfinite(losses[job.member.key])]
            if diverged:
                # The states are still those before the epoch. The others train it again without
                # them: what is not finite must not have touched them. The diverged do so alone.
                self._jobs = [job for job in self._jobs if job not in diverged]
                jobs = [job for job in jobs if job not in diverged]
                continue
            share = (time.perf_counter() - began) / len(group)
            for job in group:
                state, loss = self._states[job.member.key], losses[job.member.key]
                note(state, replace(self._strategy, chunk=len(group)).name)
                end_epoch(job, self._report, state, loss, state.seconds + share)
            jobs = jobs[len(group) :]

    def _try(self, group: list[MemberJob], epoch: int) -> dict[str, float] | None:
        """Losses by key after the epoch; None if the group was too large, or parted for good."""
        members = [job.member for job in group]
        states = [self._states[member.key] for member in members]
        lockstep: Lockstep | None = None
        try:
            lockstep = self._lockstep(states, group)
            losses = lockstep.run(states, members, epoch)
            if all(map(math.isfinite, losses)):
                lockstep.copy_to(states)
            return {m.key: loss for m, loss in zip(members, losses, strict=True)}
        except Exception as error:
            too_large, why = is_out_of_memory(error), strategies.in_brief(error)
            broken = isinstance(error, RecordingFailedError)
        # Only here: within `except` the frames of the error hold the memory of what failed.
        lockstep = None
        self._locksteps.clear()
        known = self._measured
        dropped = known.dropped | {self._strategy.name: why}
        measured = strategies.fastest(members, self._images, known.rates, dropped)
        # It is the task's record that is mended, whose members may be more than this group.
        measured = replace(measured, members=known.members)
        strategies.check_device(measured, broken)
        if too_large and len(group) > 1:
            self._most = len(group) // 2
        else:
            self._jobs = []
            self._report(measured)
        return None

    def _lockstep(self, states: Sequence[State], group: Sequence[MemberJob]) -> Lockstep:
        """What computes a group of this many members; made when it is first needed."""
        known = self._locksteps.get(len(group))
        if known is None:
            strategy = replace(self._strategy, chunk=len(group))
            members = [job.member for job in group]
            known = Lockstep(strategy, states, members, self._images)
            self._locksteps[len(group)] = known
        return known
