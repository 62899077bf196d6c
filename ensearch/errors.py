"""Errors that reach a user: what was expected and what was found, with one exit code each.

An error states facts, for people who use the library from Python as much as for those who type
commands: its message names no command and no flag. What to type is added in `cli/advice.py`, which
knows an error by its `problem` and builds the advice from its `facts`.
"""

import difflib
import unicodedata
from collections.abc import Iterable


class EnsearchError(Exception):
    """Base of every error that the command line prints without a traceback.

    `problem` names the kind of problem, such as "study_differs"; it is empty where the message says
    all that can be said. `facts` holds the parts of the problem by name, such as study="digits".
    """

    exit_code = 1

    def __init__(self, message: str, *, problem: str = "", **facts: object) -> None:
        super().__init__(message)
        self.problem = problem
        self.facts = facts


class UsageError(EnsearchError):
    """A value, a configuration file or a search space asks for something that is not legal."""

    exit_code = 2


class BudgetError(EnsearchError):
    """No configuration of the search space fits within the budget."""

    exit_code = 3


class StorageError(EnsearchError):
    """The storage is missing, locked, damaged, full, or holds another configuration."""

    exit_code = 4


class UnavailableError(EnsearchError):
    """A dataset or a device is not available or not usable."""

    exit_code = 5


class TrialsFailedError(EnsearchError):
    """Every trial of the study failed."""

    exit_code = 6


class UnfinishedError(EnsearchError):
    """A run was stopped before it had a result. It can be resumed."""

    exit_code = 75


def invalid(option: str, says: str) -> UsageError:
    """The error for an option with a value that is not legal: `limit_train must be ...; got 0.`.

    `option` is its name in Python; the command line shows it as a flag.
    """
    return UsageError(f"{option} {says}", problem="invalid_option", option=option, says=says)


def at_least_one(option: str, value: int | None, what: str = "whole number") -> None:
    """Raise the error of `invalid` for a value below 1; None is legal: nothing was said."""
    if value is not None and value < 1:
        raise invalid(option, f"must be a {what} of at least 1; got {value}.")


def unknown(kind: str, asked: object, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist: what was asked, the nearest, and what exists."""
    names = sorted(known)
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(asked).lower(), lower, n=1, cutoff=0.5)
    guess = f" Did you mean {lower[near[0]]!r}?" if near else ""
    listing = ", ".join(names) if names else "none"
    return UsageError(f"unknown {kind} {asked!r}.{guess} Known: {listing}.")


def printable(text: str, *, keep: str = "\n") -> str:
    """Text that no terminal obeys: control characters are escaped but for those to `keep`.

    So are those that change the direction of writing, and bytes of a path that are not Unicode.
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or not _controls(c) else _escaped(c) for c in text)


def first_line(error: BaseException) -> str:
    """The first line of what an error says, without its full stop; its type if it says nothing."""
    return printable(str(error)).partition("\n")[0].rstrip(".") or type(error).__name__


def _controls(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()
