"""With which share of its error a study is looked at now, and what earlier looks claimed.

A look is a state of a study's evaluations of which verdicts are shown. The driver that shows them
keeps that they were; a state of which nothing is kept is the next look.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ensearch.fronts import spending
from ensearch.fronts.claims import Claim
from ensearch.store import LookRecord, Store


class Sight(NamedTuple):
    """How a state of a study is looked at: see `ensearch.fronts.analyse`.

    `number` counts the study's looks from 1. `is_kept` tells whether verdicts of this state were
    shown before.
    """

    number: int
    share: float
    before: tuple[Claim, ...]
    is_kept: bool


def seen(store: Store, study: str) -> list[LookRecord]:
    """Return the looks at a study that are over."""
    return [look for look in store.looks(study) if look.seen is not None]


def shares(store: Store, study: str) -> list[float]:
    """Return the shares of its error that looks at a study have made."""
    return [look.share for look in seen(store, study)]


def searched_macs(store: Store, study: str) -> float:
    """Return the multiply-adds of training all members of a study's trials, whoever trained them.

    A settlement may spend so many times that.
    """
    keys = {key for trial in store.trials(study) for key in trial.members}
    return math.fsum(member.train_macs for member in store.members(sorted(keys)).values())


def sight(store: Store, study: str, trained: int) -> Sight:
    """Return how the state of a study is looked at whose `StudySummary.trained` is this."""
    over = seen(store, study)
    for place in reversed(range(len(over))):
        if over[place].trained == trained:
            return Sight(over[place].number, over[place].share, claims(over[:place]), True)
    share = spending.next_share([look.share for look in over])
    return Sight(len(over) + 1, share, claims(over), False)


def claims(looks: Sequence[LookRecord]) -> tuple[Claim, ...]:
    """Return what looks claim."""
    return tuple(Claim(**claim) for look in looks for claim in look.claims)


def keep(store: Store, study: str, trained: int, found: Sequence[Claim]) -> None:
    """Keep that a state of a study was looked at and what that claims, if it is not kept yet."""
    now = sight(store, study, trained)
    if not now.is_kept:
        store.save_look(
            study,
            LookRecord(
                number=now.number,
                share=now.share,
                trained=trained,
                claims=[claim.as_dict() for claim in found],
                seen=datetime.now(UTC),
            ),
        )
