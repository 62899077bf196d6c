"""How the command line meets the terminal: errors as one message and an exit code, and signals."""

import contextlib
import errno
import functools
import json
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import ParamSpec

import typer

from ensearch.cli import options
from ensearch.cli.advice import explain
from ensearch.errors import EnsearchError, printable

P = ParamSpec("P")
INTERRUPTED = 130  # Ctrl-C
TERMINATED = 75  # SIGTERM: stopped early, resumable


@dataclass(slots=True)
class Debug:
    """Whether tracebacks are wanted: `ensearch --debug`."""

    wanted: bool = False


debug = Debug()


def guarded(verb: Callable[P, None]) -> Callable[P, None]:
    """Turn every exception into one message on stderr and its exit code; --debug shows more."""

    @functools.wraps(verb)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            verb(*args, **kwargs)
            if sys.stdout is not None:
                sys.stdout.flush()
        except typer.Exit:
            raise
        except BrokenPipeError:
            # Somebody piped us into `head`: nobody reads on, which is not an error.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt as stop:
            say("Interrupted. What was finished before is kept.")
            raise typer.Exit(stop.args[0] if stop.args else INTERRUPTED) from None
        except Exception as error:
            if debug.wanted:
                traceback.print_exc()
            message, code = _explain(error, place(kwargs.get("storage")))
            say(message)
            raise typer.Exit(code) from None

    return wrapper


@contextmanager
def advising(storage: object) -> Iterator[None]:
    """Within it, the advice of errors names this storage, which a file may have named."""
    try:
        yield
    except EnsearchError as error:
        error.facts.setdefault("storage", place(storage))
        raise


@contextmanager
def argument(option: str, metavar: str) -> Iterator[None]:
    """Within it, errors call what the library calls `option` as the help of the verb does: QUERY.

    It is for what is typed without a flag.
    """
    try:
        yield
    except EnsearchError as error:
        if error.facts.get("option") == option:
            error.facts["argument"] = metavar
        raise


def place(storage: object) -> str:
    """What a person must type behind a command to mean this storage, without its password."""
    usual = os.environ.get("ENSEARCH_STORAGE", options.DEFAULT_STORAGE)
    if storage in (None, usual):
        return ""
    from ensearch.api.storage import redacted  # SQLAlchemy takes 0.3 s to import

    return f" --storage {shlex.quote(redacted(str(storage)))}"


def _explain(error: Exception, storage: str) -> tuple[str, int]:
    """What a person is told of an error, and the exit code."""
    if isinstance(error, EnsearchError):
        return f"error: {explain(error, storage)}", error.exit_code
    if isinstance(error, OSError):
        too_many = error.errno in (errno.EMFILE, errno.ENFILE)
        advice = "\nRaise the limit of open files with `ulimit -n 1024`." if too_many else ""
        return f"error: the system refused to read or write: {error}{advice}", 1
    return (
        f"internal error: {type(error).__name__}: {error}\nThis is a defect of ensearch. "
        "Please report it with the output of the same command after `ensearch --debug`."
    ), 1


def say(text: str) -> None:
    """One message for people, on stderr. Nobody listening there is no reason to stop a search."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(printable(text), file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """What a verb was asked for, on stdout."""
    typer.echo(printable(text))


def tell_json(data: object) -> None:
    """What a verb was asked for, as JSON. ValueError for NaN, which JSON has not."""
    tell(json.dumps(data, indent=2, allow_nan=False))


def note(text: str) -> None:
    """One sentence on what a person may not expect, on stderr."""
    say(f"note: {text}")


class Interrupts:
    """Remembers a first Ctrl-C or SIGTERM, for the driver to stop cleanly; a second one raises.

    Until `wait_for_driver` the first one raises too: nobody asks whether to stop while images are
    read, and a million pictures take long.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._waits = False

    def __call__(self) -> bool:
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        return TERMINATED if self.signal == signal.SIGTERM else INTERRUPTED

    def wait_for_driver(self) -> None:
        """From now on somebody asks now and then whether to stop."""
        self._waits = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self.signal = self.signal is not None, number
        if again or not self._waits:
            raise KeyboardInterrupt(self.exit_code)
        say("Stopping; finished members are kept. Press Ctrl-C again to stop at once.")

    @contextmanager
    def installed(self) -> Iterator["Interrupts"]:
        old = {n: signal.signal(n, self._handle) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)
