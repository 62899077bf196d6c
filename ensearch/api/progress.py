"""Progress for people: a picture on a terminal and in a notebook, else a plain line per event."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from ensearch.api._event_lines import REASONS, line
from ensearch.api._screen import Screen
from ensearch.errors import invalid
from ensearch.study.events import Event, Planned, SearchEnded
from ensearch.study.matches import Remedy
from ensearch.units import flops

__all__ = [
    "REASONS",
    "Event",
    "Lines",
    "OnEvent",
    "Planned",
    "Remedy",
    "SearchEnded",
    "drawn",
    "line",
    "shown",
]

OnEvent = Callable[[Event], None]


@contextmanager
def shown(on_event: OnEvent | None) -> Iterator[OnEvent]:
    """Yield `on_event`; without one, a picture on a terminal and in a notebook, else nothing."""
    console = Console(stderr=True)
    if on_event is not None:
        if not callable(on_event):
            raise invalid("on_event", f"must be a function of one event; got {on_event!r}.")
        yield on_event
    elif console.is_terminal or console.is_jupyter:
        with drawn(console) as show:
            yield show
    else:
        yield lambda event: None


@contextmanager
def drawn(console: Console) -> Iterator[OnEvent]:
    """Yield what draws a run on the console until the block ends, and leaves only sentences."""
    screen = Screen(console)
    try:
        yield screen
    finally:
        screen.stop()


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
