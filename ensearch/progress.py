"""Progress of a search on stderr: bars on a terminal, one plain line per event otherwise."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from ensearch.core import Evaluation
from ensearch.events import Event, MemberDone, MemberFailed, MemberProgress, TrialDone, TrialFailed
from ensearch.units import format_count, format_duration


@contextmanager
def watch(flops_per_mac: int) -> Iterator[Callable[[Event], None]]:
    """A function to call with every event, while the search runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda event: _print_line(event, flops_per_mac)
        return
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        console=console,
        transient=True,
    )
    with progress:
        yield _Bars(progress, flops_per_mac)


def line(event: Event, flops_per_mac: int) -> str | None:
    """The event in one line; None for those that are only worth a bar."""
    if isinstance(event, TrialDone):
        e = event.evaluation
        return (
            f"trial {event.told}/{event.trials}: {event.label} at "
            f"{format_count(e.cost.macs * flops_per_mac)} FLOPs, val {e.scores.accuracy:.2%}; "
            f"{_best(event, flops_per_mac)}{_left(event)}"
        )
    if isinstance(event, TrialFailed):
        return f"trial {event.number} ({event.label}) failed: {event.reason}"
    if isinstance(event, MemberDone):
        return f"member {event.label} trained in {format_duration(event.seconds)}"
    if isinstance(event, MemberFailed):
        return f"member {event.label} failed: {event.reason}: {event.detail}"
    return None


def _left(event: TrialDone) -> str:
    left = event.seconds_left
    return f"; about {format_duration(left)} left" if left >= 1 else ""


def _print_line(event: Event, flops_per_mac: int) -> None:
    text = line(event, flops_per_mac)
    if text is not None:
        print(text, file=sys.stderr, flush=True)


def _best(event: TrialDone, flops_per_mac: int) -> str:
    def show(kind: str, e: Evaluation | None) -> str:
        if e is None:
            return f"no {kind} yet"
        size = "" if e.size == 1 else f"{e.size} × "
        return (
            f"best {kind} {size}{e.architecture.label} {e.scores.accuracy:.2%} at "
            f"{format_count(e.cost.macs * flops_per_mac)}"
        )

    return f"{show('single', event.best_single)}, {show('ensemble', event.best_ensemble)}"


class _Bars:
    """One bar for the trials, one for every member that trains; failures stay as lines."""

    def __init__(self, progress: Progress, flops_per_mac: int) -> None:
        self.progress, self.flops_per_mac = progress, flops_per_mac
        self.trials = progress.add_task("trials", total=None, text="")
        self.members: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, MemberProgress):
            if event.key not in self.members:
                self.members[event.key] = self.progress.add_task(
                    f"member {event.label}", total=event.epochs, text="epochs"
                )
            self.progress.update(self.members[event.key], completed=event.epoch)
        elif isinstance(event, MemberDone | MemberFailed) and event.key in self.members:
            self.progress.remove_task(self.members.pop(event.key))
        if isinstance(event, TrialDone):
            self.progress.update(
                self.trials,
                total=event.trials,
                completed=event.told,
                text=_best(event, self.flops_per_mac) + _left(event),
            )
        if isinstance(event, MemberFailed | TrialFailed):
            self.progress.console.print(line(event, self.flops_per_mac), highlight=False)
