"""How well short schedules choose, where that was measured.

What has about equal cost (bands 25 % wide) was trained by a short schedule and by one at least four
times as long. What the short one ranks first loses some of the accuracy that the best of its band
has after the long one: that loss, in points, as a mean over the bands, with a 95 % bootstrap
interval over seeds. Of `python -m scripts.benchmarks.recipe.picks`; the tables are in
studies/benchmarks/2026-11-29_recipe.md.
"""

from typing import NamedTuple

from ensearch import datasets
from ensearch.core import Schedule
from ensearch.units import counted


class Picks(NamedTuple):
    """One measurement of one family: `tried` is what was picked from, in `bands`."""

    dataset: str
    family: str
    optimizer: str
    epochs: int
    longer: int  # epochs of the long schedule
    images: int  # that trained
    tried: str
    bands: int
    seeds: int
    lost: float  # points of accuracy
    low: float
    high: float


_DIGITS = "15 single networks and ensembles"
_CIFAR10 = "10 single networks"
MEASURED = (
    Picks("digits", "wide_resnet", "muon", 3, 48, 959, _DIGITS, 3, 8, 0.10, 0.05, 0.22),
    Picks("digits", "wide_resnet", "muon", 6, 48, 959, _DIGITS, 3, 8, 0.01, 0.00, 0.17),
    Picks("digits", "wide_resnet", "muon", 12, 48, 959, _DIGITS, 3, 8, 0.01, 0.00, 0.11),
    Picks("digits", "wide_resnet", "sgd", 12, 48, 959, "11 single networks", 3, 4, 0.1, 0.0, 0.37),
    Picks("cifar10", "wide_resnet", "muon", 6, 48, 2000, _CIFAR10, 3, 3, 0.38, 0.00, 0.78),
    Picks("cifar10", "wide_resnet", "muon", 12, 48, 2000, _CIFAR10, 3, 3, 0.00, 0.00, 0.31),
    Picks("cifar10", "wide_resnet", "sgd", 6, 48, 2000, _CIFAR10, 3, 3, 0.00, 0.00, 0.99),
    Picks("cifar10", "wide_resnet", "sgd", 12, 48, 2000, _CIFAR10, 3, 3, 0.00, 0.00, 1.54),
)


def known(spec: str, family: str, schedule: Schedule) -> Picks | None:
    """Return what was measured of this schedule; `spec` is that of the dataset.

    It is the dataset's own but for epochs and optimizer, as those that were measured.
    """
    usual = datasets.schedule(spec)
    if schedule != usual.changed(optimizer=schedule.optimizer, epochs=schedule.epochs):
        return None
    asked = (spec.partition(":")[0], family, schedule.optimizer, schedule.epochs)
    return next(
        (p for p in MEASURED if (p.dataset, p.family, p.optimizer, p.epochs) == asked), None
    )


def sentence(picks: Picks) -> str:
    """Return it for people."""
    return (
        f"of {picks.tried} in {picks.bands} groups of equal cost, those best after "
        f"{counted(picks.epochs, 'epoch')} lost {picks.lost:.1f} points "
        f"[{picks.low:.1f}, {picks.high:.1f}] after {picks.longer} ({picks.images} training "
        f"images, {picks.seeds} seeds)"
    )
