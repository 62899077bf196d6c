"""What a person sees of a run while it goes on, and how Ctrl-C reaches it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from ensearch.cli.advice import typed
from ensearch.cli.terminal import Interrupts, say

if TYPE_CHECKING:  # SQLAlchemy comes with it, which takes 0.3 s
    from ensearch.api.progress import Event, OnEvent, SearchEnded


class Watch:
    """Is told the events of a run: prints its plan, shows progress, remembers how it ended."""

    def __init__(self, interrupts: Interrupts, show: "OnEvent") -> None:
        self.interrupts = interrupts
        self.ended: SearchEnded | None = None
        self._show = show

    def __call__(self, event: "Event") -> None:
        from ensearch.api.progress import Planned, SearchEnded

        if isinstance(event, Planned):
            for line in event.lines:
                say(line)
            for line in typed(event.remedies, event.axis):
                say(line)
            self.interrupts.wait_for_driver()
        if isinstance(event, SearchEnded):
            self.ended = event
            say("")
        self._show(event)


@contextmanager
def watching() -> Iterator[Watch]:
    """Yield the watch of one run: a picture on a terminal, else a plain line for each event."""
    from ensearch.api import progress

    console = Console(stderr=True)
    with Interrupts().installed() as interrupts:
        if console.is_terminal:
            with progress.drawn(console) as show:
                yield Watch(interrupts, show)
        else:
            yield Watch(interrupts, progress.Lines(say))
