"""The best cascade of some entries within a budget, as the front of cascades has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ensearch.ensembles import Cascade, cascade_selection, cross_fitting, paired_differences
from ensearch.pool import predictions, search
from ensearch.pool.entry import Entry
from ensearch.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class BestCascade:
    """Entries in the order in which they run, and when an image leaves after each but the last.

    It leaves once its confidence by `measure` is at least the threshold. `macs`, the mean over the
    images of val, `accuracy` and `exits`, the share that leaves after each, are measured where the
    cascade was selected. `held_out` is the accuracy of selecting so, on halves of val that did not.
    """

    entries: tuple[Entry, ...]
    thresholds: tuple[float, ...]
    measure: str
    macs: float
    accuracy: float
    exits: tuple[float, ...]
    held_out: float


def within(
    store: Store, entries: Sequence[Entry], budget: float, measure: str = "max"
) -> BestCascade | None:
    """Return the best cascade of mean multiply-adds up to `budget`; None if nothing fits.

    It is that of the front of cascades at this budget. Raises UsageError for a measure as
    `search.check_measure`, StorageError if entries do not belong to the same images.
    """
    search.check_measure(store, entries, measure)
    pool, y = search.candidates(
        store, entries, "val", predictions.agreed_labels(store, entries, "val")
    )
    find = partial(cascade_selection.search, measure=measure, orders=search.ORDERS)
    fit = cross_fitting.cross_fit(find, pool, y, [budget])
    (found,) = fit.selected
    if not isinstance(found, Cascade):
        return None
    return BestCascade(
        entries=tuple(entries[member] for member in found.members),
        thresholds=found.thresholds,
        measure=measure,
        macs=found.macs,
        accuracy=found.accuracy,
        exits=found.exits,
        held_out=float(paired_differences.by_other_half(fit).accuracy[0]),
    )
