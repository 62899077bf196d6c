"""What is timed: the configurations of a study, or the networks of the pool, as they are built."""

from ensearch.core import Architecture, Cost, Evaluation
from ensearch.errors import StorageError, UnavailableError
from ensearch.latency import Configuration, shapes
from ensearch.pool import query
from ensearch.pool.entry import Entry
from ensearch.pool.notes import OnNote
from ensearch.store import Store
from ensearch.units import counted


def of_study(store: Store, study: str) -> list[Configuration]:
    """The configurations that a study's search evaluated, without what differs in its training."""
    query.check_study(store, study)
    record = store.study(study)
    evaluations = {(e.architecture, e.size): e for e in store.evaluations(study)}
    if not evaluations:
        raise StorageError(
            f"study {study!r} has no finished evaluation to measure.",
            problem="nothing_evaluated",
            study=study,
        )
    classes = int(str(record.config["classes"]))
    return [_configuration(e, classes) for e in evaluations.values()]


def _configuration(e: Evaluation, classes: int) -> Configuration:
    member = Cost(macs=e.cost.macs // e.size, params=e.cost.params // e.size)
    return Configuration(
        architecture=e.architecture,
        macs=member.macs,
        size=e.size,
        channels=shapes.channels(e.architecture, classes, member),
        classes=classes,
    )


def of_pool(store: Store, pool: str, note: OnNote) -> list[Configuration]:
    """The networks that a query selects, each alone: times of mixed ensembles are their sums."""
    selected = query.select(store, pool, note)
    found: dict[tuple[Architecture, int], Configuration] = {}
    left_out = set()
    for entry in selected:
        one = _of_entry(store, entry)
        if one is None:
            left_out.add(entry.network)
        else:
            found[one.architecture, one.macs] = one
    if left_out:
        note(
            f"{counted(len(left_out), 'network')} cannot be built again and "
            f"{'is' if len(left_out) == 1 else 'are'} left out: models that were trained elsewhere."
        )
    if not found:
        raise UnavailableError(f"nothing that {pool!r} selects can be built again to be measured.")
    return list(found.values())


def _of_entry(store: Store, entry: Entry) -> Configuration | None:
    """The network of an entry; None where it is not known how to build it."""
    if entry.architecture is None or entry.params is None or not entry.labels:
        return None
    classes = store.pool.labels(next(iter(entry.labels.values()))).count
    cost = Cost(macs=entry.macs, params=entry.params)
    return Configuration(
        architecture=entry.architecture,
        macs=entry.macs,
        size=1,
        channels=shapes.channels(entry.architecture, classes, cost),
        classes=classes,
    )
