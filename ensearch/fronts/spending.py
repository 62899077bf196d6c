"""How the error that a study may make is spread over the looks at it.

A share of 1 is the error of one look at a study that is looked at once: its intervals then hold
together at the levels of `estimates`. Whoever looks again may be wrong again, so that every look
claims with a share of its own, and the shares of a study add up to less than `TOTAL`.
"""

from collections.abc import Sequence

TOTAL = 2.0
LOOKS = 4  # of a settlement, at most
LEAST = 1 / 64  # with a smaller share a look hardly claims anything any more


def left(shares: Sequence[float]) -> float:
    """Return what looks with these shares have left of a study's error; it is never used up."""
    return max(TOTAL - sum(shares), 0.0)


def next_share(shares: Sequence[float], looks: int = 1) -> float:
    """Return the share of each of the next `looks`: together they take half of what is left.

    So the first look at a study takes 1, and any number of them less than `TOTAL`.
    """
    return left(shares) / 2 / looks


def is_spent(shares: Sequence[float]) -> bool:
    """Return whether looks with these shares have left too little for a settlement."""
    return next_share(shares, LOOKS) < LEAST
