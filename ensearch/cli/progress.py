"""Progress on stderr: bars on a terminal, one plain line per event otherwise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from ensearch.cli.terminal import say
from ensearch.core import Evaluation
from ensearch.report.study.text import label
from ensearch.study.events import (
    Event,
    MemberDone,
    MemberFailed,
    MemberProgress,
    MemberReady,
    TrialDone,
    TrialFailed,
    WayChosen,
)
from ensearch.units import format_count, format_duration


@contextmanager
def watch(
    flops_per_mac: int, total: int, what: str = "trials"
) -> Iterator[Callable[[Event], None]]:
    """A function to call with every event. `total`: trials, or members, that there are in all."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda event: _print_line(event, flops_per_mac)
        return
    bars = _Bars(console, flops_per_mac, total, what)
    with Live(bars.picture(), console=console, transient=True, auto_refresh=False) as live:
        bars.live = live
        yield bars


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
        return f"trial {event.told}/{event.trials}: {event.label} failed: {event.reason}"
    if isinstance(event, MemberDone):
        return f"member {event.label} trained in {format_duration(event.seconds)}"
    if isinstance(event, MemberFailed):
        return f"member {event.label} failed: {event.reason}: {event.detail}"
    if isinstance(event, MemberReady):
        return _ready(event)
    if isinstance(event, WayChosen):
        return _way(event)
    return None


def _way(event: WayChosen) -> str:
    what = f"{event.members} members" if event.members > 1 else "a member"
    rate, alone = event.rates.get(event.way), event.rates.get("one after another")
    gain = f", {rate / alone:.1f} times the images/s of one after another" if rate and alone else ""
    dropped = "".join(f"; not {name}: {why}" for name, why in event.dropped.items())
    return f"{what} of {event.network} train {event.way}{gain}{dropped}"


def _ready(event: MemberReady) -> str:
    member = event.member
    if isinstance(member, MemberFailed):
        what = f"failed: {member.reason}: {member.detail}"
    else:
        what = f"{'trained' if event.trained else 'predicted'} in "
        what += format_duration(member.seconds)
    return f"member {event.done}/{event.members}: {member.label} {what}{_left(event)}"


def _left(event: TrialDone | MemberReady) -> str:
    left = event.seconds_left
    return f"; about {format_duration(left)} left" if left >= 1 else ""


def _print_line(event: Event, flops_per_mac: int) -> None:
    text = line(event, flops_per_mac)
    if text is not None:
        say(text)


def _best(event: TrialDone, flops_per_mac: int) -> str:
    def show(kind: str, e: Evaluation | None) -> str:
        if e is None:
            return f"no {kind} yet"
        return (
            f"best {kind} {label(e)} {e.scores.accuracy:.2%} at "
            f"{format_count(e.cost.macs * flops_per_mac)}"
        )

    return f"{show('single', event.best_single)}, {show('ensemble', event.best_ensemble)}"


class _Bars:
    """A bar for all of them, one for every member that trains, a line for the best so far."""

    def __init__(self, console: Console, flops_per_mac: int, total: int, what: str) -> None:
        self.console, self.flops_per_mac = console, flops_per_mac
        self.live: Live | None = None
        # The number and the time left stand before what may be cut on a narrow terminal.
        self.progress = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
        )
        self.best = Text("", overflow="ellipsis", no_wrap=True)
        self.what = what
        self.total = self.progress.add_task(what, total=total)
        self.members: dict[str, TaskID] = {}

    def picture(self) -> Group:
        return Group(self.progress, self.best)

    def __call__(self, event: Event) -> None:
        if isinstance(event, MemberProgress):
            if event.key not in self.members:
                name = f"epochs of member {event.label}"
                self.members[event.key] = self.progress.add_task(name, total=event.epochs)
            self.progress.update(self.members[event.key], completed=event.epoch)
        ended = event.member if isinstance(event, MemberReady) else event
        if isinstance(ended, MemberDone | MemberFailed) and ended.key in self.members:
            self.progress.remove_task(self.members.pop(ended.key))
        if isinstance(event, TrialDone | MemberReady):
            self.progress.update(self.total, description=f"{self.what}{_left(event)}")
        if isinstance(event, TrialDone | TrialFailed | MemberReady):
            done = event.done if isinstance(event, MemberReady) else event.told
            self.progress.update(self.total, completed=done)
        if isinstance(event, TrialDone):
            self.best.plain = _best(event, self.flops_per_mac)
        if isinstance(ended, MemberFailed | TrialFailed):
            text = line(event, self.flops_per_mac)
            self.console.print(text, highlight=False, markup=False)
        if self.live is not None:
            self.live.update(self.picture(), refresh=True)
