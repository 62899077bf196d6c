"""Progress for people: bars on a terminal and in a notebook, one plain line per event otherwise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from ensearch.core import Evaluation
from ensearch.errors import printable
from ensearch.study.events import (
    EndReason,
    Event,
    LookDone,
    LookPlanned,
    MemberDone,
    MemberFailed,
    MemberProgress,
    MemberReady,
    Note,
    Planned,
    Preparing,
    SearchEnded,
    SettlementEnded,
    SettlementReason,
    StrategyMeasured,
    TrialDone,
    TrialFailed,
)
from ensearch.study.matches import Remedy
from ensearch.units import Axis, counted, flops, format_count, format_duration

__all__ = [
    "REASONS",
    "Event",
    "Lines",
    "OnEvent",
    "Planned",
    "Remedy",
    "SearchEnded",
    "bars",
    "line",
    "shown",
]

OnEvent = Callable[[Event], None]

REASONS: dict[EndReason, str] = {
    "trials": "all trials that were asked for are done",
    "exhausted": "every configuration of the search space within the budget has been evaluated",
    "time": "the time limit is reached",
    "train budget": "the training budget is spent",
    "interrupted": "interrupted",
}
SETTLED: dict[SettlementReason, str] = {
    "decided": "every compared budget is decided",
    "good enough": "what is taken at the largest budget loses at most 0.25 points on average, and "
    "nothing that may be spent decides more",
    "cost": "the cost that was allowed is spent",
    "looks": "all looks that were planned are over",
    "nothing helps": "nothing that may be trained decides more",
    "time": "the time limit is reached",
    "interrupted": "interrupted",
}


@contextmanager
def shown(on_event: OnEvent | None) -> Iterator[OnEvent]:
    """Yield `on_event`; without one, bars on a terminal and in a notebook, and else nothing."""
    console = Console(stderr=True)
    if on_event is not None:
        yield on_event
    elif console.is_terminal or console.is_jupyter:
        with bars(console) as show:
            yield show
    else:
        yield lambda event: None


@contextmanager
def bars(console: Console) -> Iterator[OnEvent]:
    """Yield what draws bars on the console until the block ends, and leaves only sentences."""
    drawing = _Bars(console)
    try:
        yield drawing
    finally:
        drawing.stop()


class Lines:
    """One line for each event that is worth one, handed to `say`."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._flops_per_mac, self._axis = say, 1, flops(1)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Planned):
            self._flops_per_mac, self._axis = event.flops_per_mac, event.axis
        text = line(event, self._flops_per_mac, self._axis)
        if text is not None:
            self._say(text)


def line(event: Event, flops_per_mac: int, axis: Axis) -> str | None:
    """Return the event in one line; None for an event that is only worth a bar."""
    match event:
        case TrialDone():
            e = event.evaluation
            return (
                f"trial {event.told}/{event.trials}: {event.label} at "
                f"{axis.tell(e.price)}, val {e.scores.accuracy:.2%}; "
                f"{_best(event, axis)}{_left(event)}"
            )
        case TrialFailed():
            return f"trial {event.told}/{event.trials}: {event.label} failed: {event.reason}"
        case MemberDone():
            return f"member {event.label} trained in {format_duration(event.seconds)}"
        case MemberFailed():
            detail = printable(event.detail, keep="")
            return f"member {event.label} failed: {event.reason}: {detail}"
        case MemberReady():
            return _ready(event)
        case StrategyMeasured():
            return _strategy(event)
        case Note():
            return f"note      {event.text}"
        case SearchEnded():
            return _ended(event)
        case Preparing():
            return event.text
        case LookPlanned():
            return _planned(event)
        case LookDone():
            return (
                f"look {event.number} of at most {event.looks}: {event.undecided} of "
                f"{counted(event.budgets, 'compared budget')} undecided; "
                f"{event.share_spent:.0%} of the cost is spent"
            )
        case SettlementEnded():
            return (
                f"{SETTLED[event.reason]}: {counted(event.looks, 'look')}, "
                f"{format_count(event.train_macs * flops_per_mac)} of "
                f"{format_count(event.allowed * flops_per_mac)} FLOPs of training"
            )
        case Planned() | MemberProgress():
            return None


def _planned(event: LookPlanned) -> str:
    networks = [f"{n} of {label}" for label, n in event.members.items()]
    more = f" and {len(networks) - 3} other networks" if len(networks) > 3 else ""
    left = f", about {format_duration(event.seconds)}" if event.seconds >= 1 else ""
    return (
        f"look {event.number} of at most {event.looks} is of {', '.join(networks[:3])}{more}: "
        f"{counted(event.missing, 'member')} to train{left}"
    )


def _ended(event: SearchEnded) -> str:
    waiting = f", {event.waiting} under way are kept for the next run" if event.waiting else ""
    return (
        f"{REASONS[event.reason]}: {counted(event.done, 'trial')} done, {event.failed} failed"
        f"{waiting}"
    )


def _strategy(event: StrategyMeasured) -> str:
    what = f"{event.members} members" if event.members > 1 else "a member"
    rate, alone = event.rates.get(event.strategy), event.rates.get("one after another")
    gain = f", {rate / alone:.1f} times the images/s of one after another" if rate and alone else ""
    dropped = "".join(f"; not {name}: {why}" for name, why in event.dropped.items())
    return f"{what} of {event.network} train {event.strategy}{gain}{dropped}"


def _ready(event: MemberReady) -> str:
    member = event.member
    if isinstance(member, MemberFailed):
        what = f"failed: {member.reason}: {printable(member.detail, keep='')}"
    else:
        what = f"{'trained' if event.trained else 'predicted'} in "
        what += format_duration(member.seconds)
    return f"member {event.done}/{event.members}: {member.label} {what}{_left(event)}"


def _left(event: TrialDone | MemberReady) -> str:
    left = event.seconds_left
    return f"; about {format_duration(left)} left" if left >= 1 else ""


def _best(event: TrialDone, axis: Axis) -> str:
    def show(kind: str, e: Evaluation | None) -> str:
        if e is None:
            return f"no {kind} yet"
        shape = e.architecture.label
        label = shape if e.is_single else f"{e.size} × {shape}"
        return f"best {kind} {label} {e.scores.accuracy:.2%} at {axis.show(e.price)}"

    single, ensemble = event.best_single, event.best_ensemble
    return f"so far: {show('single', single)}, {show('ensemble', ensemble)}"


# What leaves a sentence above the bars.
_SAID = MemberFailed | TrialFailed | Note | SearchEnded | LookPlanned | LookDone | SettlementEnded


class _Bars:
    """A bar for all of them, one for every member that trains, a line for the best so far."""

    def __init__(self, console: Console) -> None:
        self.console, self.flops_per_mac, self.axis, self.unit = console, 1, flops(1), ""
        # The number and the time left stand before what may be cut on a narrow terminal.
        self.progress = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
        )
        self.best = Text("", overflow="ellipsis", no_wrap=True)
        self.total: TaskID | None = None
        self.members: dict[str, TaskID] = {}
        self.live: Live | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Preparing):
            self._draw(Text(event.text))
        if isinstance(event, Planned):
            self.flops_per_mac, self.axis = event.flops_per_mac, event.axis
            self._start(event.unit, event.total, event.done)
        if isinstance(event, LookPlanned):
            self._start("members", event.total, event.total - event.missing)
        if isinstance(event, MemberProgress):
            self._advance(event)
        ended = event.member if isinstance(event, MemberReady) else event
        if isinstance(ended, MemberDone | MemberFailed) and ended.key in self.members:
            self.progress.remove_task(self.members.pop(ended.key))
        if isinstance(event, TrialDone | TrialFailed | MemberReady) and self.total is not None:
            done = event.done if isinstance(event, MemberReady) else event.told
            # A failed trial does not know the time that is left: what is said stays.
            says = None if isinstance(event, TrialFailed) else f"{self.unit}{_left(event)}"
            self.progress.update(self.total, completed=done, description=says)
        if isinstance(event, TrialDone):
            self.best.plain = _best(event, self.axis)
        if isinstance(event, SearchEnded | SettlementEnded):
            self.stop()
        if isinstance(ended, _SAID):
            text = line(event, self.flops_per_mac, self.axis)
            self.console.print(printable(text or ""), highlight=False, markup=False)
        if self.live is not None:
            self.live.refresh()

    def _start(self, unit: str, total: int, done: int) -> None:
        self.unit = unit
        if self.total is not None:
            self.progress.remove_task(self.total)
        self.total = self.progress.add_task(unit, total=total, completed=done)
        self._draw(Group(self.progress, self.best))

    def _draw(self, what: RenderableType) -> None:
        """Draw this from now on, in place of what was drawn."""
        self.stop()
        self.live = Live(what, console=self.console, transient=True, auto_refresh=False)
        self.live.start(refresh=True)

    def _advance(self, event: MemberProgress) -> None:
        if event.key not in self.members:
            name = f"epochs of member {event.label}"
            self.members[event.key] = self.progress.add_task(name, total=event.epochs)
        self.progress.update(self.members[event.key], completed=event.epoch)

    def stop(self) -> None:
        """Take the bars away; what was said stays."""
        if self.live is not None:
            self.live.stop()
            self.live = None
