"""What a person sees on a terminal, or in a notebook, while a run goes on."""

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from ensearch.api._event_lines import left, line
from ensearch.errors import printable
from ensearch.report._layout import WIDEST
from ensearch.report.study import answer, characters, standing
from ensearch.report.study.standing import Standing
from ensearch.study.events import (
    Evaluated,
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
    TrialDone,
    TrialFailed,
)
from ensearch.units import counted, flops

# What leaves a sentence above the bars.
_SAID = MemberFailed | TrialFailed | Note | SearchEnded | LookPlanned | LookDone | SettlementEnded
TALLEST = 12  # lines of the field in which fronts are drawn
SLOW, PAUSE = 0.05, 20  # what takes more seconds is done once in so many times as long
FEWEST_SECONDS = 5  # before which a rate would be an accident


class Screen:
    """A bar for all of a run, one for every member that trains, and how the search stands."""

    def __init__(self, console: Console) -> None:
        self.console, self.flops_per_mac, self.axis, self.unit = console, 1, flops(1), ""
        # The number and the time left stand first, and what does not fit goes on below.
        words = Column(no_wrap=False, overflow="fold")
        self.progress = Progress(
            BarColumn(bar_width=20 if console.width >= 80 else 10),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False, table_column=words),
            console=console,
        )
        self.standing: Standing | None = None
        self.evaluated: Evaluated | None = None  # of which it does not say yet how a search stands
        self.look_again = 0.0
        self.is_over = False  # whether that is of a search which is being confirmed
        self.total: TaskID | None = None
        self.members: dict[str, TaskID] = {}
        self.live: Live | None = None
        self.trained, self.since = 0, time.monotonic()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Preparing):
            self._draw(Text(event.text))
        if isinstance(event, Planned):
            self.flops_per_mac, self.axis = event.flops_per_mac, event.axis
            self.since = time.monotonic()
            self._start(event.unit, event.total, event.done)
        if isinstance(event, LookPlanned):
            self._start("members", event.total, event.total - event.missing)
        if isinstance(event, MemberProgress):
            self._advance(event)
        ended = event.member if isinstance(event, MemberReady) else event
        if isinstance(ended, MemberDone | MemberFailed):
            self.trained += isinstance(ended, MemberDone)
            if ended.key in self.members:
                self.progress.remove_task(self.members.pop(ended.key))
        if isinstance(event, TrialDone | TrialFailed | MemberReady) and self.total is not None:
            done = event.done if isinstance(event, MemberReady) else event.told
            # A failed trial does not know the time that is left: what is said stays.
            says = None if isinstance(event, TrialFailed) else f"{self.unit}{left(event)}"
            self.progress.update(self.total, completed=done, description=says)
        if isinstance(event, Evaluated):
            self.evaluated = event
        if self.evaluated is not None and time.monotonic() >= self.look_again:
            self._stand(self.evaluated)
        if isinstance(event, SearchEnded | SettlementEnded):
            self.stop()
        if isinstance(ended, _SAID):
            text = line(event, self.flops_per_mac, self.axis)
            self.console.print(printable(text or ""), highlight=False, markup=False)
        if self.live is not None:
            self.live.refresh()

    def __rich__(self) -> RenderableType:
        """Return the picture: bars, sentences and, where there is room for it, both fronts."""
        if self.standing is None:
            return self.progress
        console = self.console
        known = standing.sentences(self.standing, self.axis, self.is_over)
        said = [*known, *self._speed()]
        lines = answer.layout(tuple(said), min(console.width, WIDEST))
        # One line stays free for the cursor; three are the axis and the legend below the field.
        height = console.height - len(self.progress.tasks) - len(lines) - 4
        marks = characters.ASCII if console.options.ascii_only else characters.UNICODE
        field = characters.plot(
            self.standing, self.axis.unit, console.width, min(height, TALLEST), marks
        )
        sentences = (Text(printable(each), no_wrap=True) for each in lines)
        return Group(self.progress, *sentences, *field)

    def _stand(self, event: Evaluated) -> None:
        """Take over how the search stands. Of 15,000 evaluations, finding it takes 0.4 s."""
        began = time.monotonic()
        self.standing = standing.compute(event.evaluations, event.budgets, self.axis)
        self.is_over = event.is_over
        self.evaluated, took = None, time.monotonic() - began
        self.look_again = began + (PAUSE * took if took > SLOW else 0.0)

    def _speed(self) -> list[tuple[str, str]]:
        """How many members this run has trained, and how fast."""
        seconds = time.monotonic() - self.since
        if not self.trained or seconds < FEWEST_SECONDS:
            return []
        often, per = self.trained * 60 / seconds, "minute"
        if often < 1:
            often, per = often * 60, "hour"
        return [("speed", f"{counted(self.trained, 'member')} trained, about {often:.2g} a {per}.")]

    def _start(self, unit: str, total: int, done: int) -> None:
        self.unit = unit
        if self.total is not None:
            self.progress.remove_task(self.total)
            self.total = None
        if total:  # a settlement knows how many members once it plans a look
            self.total = self.progress.add_task(unit, total=total, completed=done)
        self._draw(self)

    def _draw(self, what: "RenderableType | Screen") -> None:
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
        """Take the picture away; what was said stays."""
        if self.live is not None:
            self.live.stop()
            self.live = None
