"""Seconds spent in some functions of ensearch, without those in the others that they call."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ensearch.launch.inline import Inline
from ensearch.launch.processes import Processes
from ensearch.store import Store
from ensearch.study.sampler import Sampler
from ensearch.study.scoring import Scorer

# What belongs to which kind of work around training: methods, and the classes that have them.
PARTS: dict[str, list[tuple[type, Callable[..., Any]]]] = {
    "proposing": [
        (Sampler, Sampler.__init__),
        *((Sampler, method) for method in (Sampler.recover, Sampler.ask, Sampler.counts)),
    ],
    "scoring": [(Scorer, Scorer.score)],
    "storing": [
        *((Store, method) for method in (Store.add_trained, Store.save_evaluations)),
        *((Store, method) for method in (Store.save_trial, Store.members, Store.missing_files)),
        *((Sampler, method) for method in (Sampler.tell, Sampler.fail, Sampler.release)),
    ],
    "waiting": [(Inline, Inline.wait), (Processes, Processes.wait)],
}


class Stopwatch:
    """`seconds` by part; `calls` of each function by its name."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._stack: list[float] = []  # seconds of the parts inside each call under way

    def _timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            self._stack.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter() - start
                self.seconds[part] += took - self._stack.pop()
                if self._stack:
                    self._stack[-1] += took

        return timed

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within it the functions of PARTS are timed, in this process."""
        for part, methods in PARTS.items():
            for kind, method in methods:
                setattr(kind, method.__name__, self._timed(part, method))
        try:
            yield
        finally:
            for kind, method in (each for methods in PARTS.values() for each in methods):
                setattr(kind, method.__name__, method)
