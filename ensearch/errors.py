"""Errors that reach a user: what was expected, what was found, what to do; one exit code each."""

import difflib
from collections.abc import Iterable


class EnsearchError(Exception):
    """Base of every error that the command line prints without a traceback."""

    exit_code = 1


class UsageError(EnsearchError):
    """The command, a configuration file or a search space asks for something that is not legal."""

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


def unknown(kind: str, asked: str, known: Iterable[str]) -> UsageError:
    """The one way to say that a name does not exist: what was asked, the nearest, what exists."""
    names = sorted(known)
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(asked.lower(), lower, n=1, cutoff=0.5)
    guess = f" Did you mean {lower[near[0]]!r}?" if near else ""
    listing = ", ".join(names) if names else "none"
    return UsageError(f"unknown {kind} {asked!r}.{guess} Known: {listing}.")
