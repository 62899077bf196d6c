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

# What belongs to which kind of work around training.
PARTS: dict[str, list[tuple[type, str]]] = {
    "proposing": [(Sampler, name) for name in ("__init__", "recover", "ask", "counts")],
    "scoring": [(Scorer, "score")],
    "storing": [
        *((Store, name) for name in ("add_trained", "save_evaluations", "save_trial", "members")),
        *((Store, name) for name in ("missing_files", "set_note")),
        *((Sampler, name) for name in ("tell", "fail", "release")),
    ],
    "waiting": [(Inline, "wait"), (Processes, "wait")],
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
        before = [
            (kind, name, getattr(kind, name)) for part in PARTS.values() for kind, name in part
        ]
        for part, functions in PARTS.items():
            for kind, name in functions:
                setattr(kind, name, self._timed(part, getattr(kind, name)))
        try:
            yield
        finally:
            for kind, name, function in before:
                setattr(kind, name, function)
