"""Evaluations of a study on another axis than its own, such as time, as far as it was measured."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ensearch import latency
from ensearch.core import AxisCost, Evaluation
from ensearch.errors import StorageError
from ensearch.latency import Times
from ensearch.store import Store
from ensearch.units import Axis, counted, flops, milliseconds, parameters


class Priced(NamedTuple):
    """Evaluations with what each costs on an axis; what is not known is left out."""

    axis: Axis
    evaluations: tuple[Evaluation, ...]
    predicted: tuple[Evaluation, ...]
    notes: tuple[str, ...] = ()


def own(evaluations: Iterable[Evaluation], axis: Axis) -> tuple[Evaluation, ...]:
    """Return evaluations of a study by the unit of its budget.

    Where that is time, single networks alone were measured, and ensembles take a multiple.
    """
    if not axis.place:
        return tuple(evaluations)
    return tuple(
        replace(e, on_axis=e.on_axis and replace(e.on_axis, is_measured=e.is_single))
        for e in evaluations
    )


def guessed(evaluations: Iterable[Evaluation]) -> tuple[str, ...]:
    """Return the note on times that were not measured, if there are any."""
    if all(e.on_axis is None or e.on_axis.is_measured for e in evaluations):
        return ()
    return (
        "≈ marks the time of a size that was not measured: it follows from the measured sizes "
        "of its network, whose members run one after another.",
    )


def in_flops(
    evaluations: Sequence[Evaluation], predicted: Sequence[Evaluation], flops_per_mac: int
) -> Priced:
    """Return the evaluations by their multiply-adds."""
    first, others = (tuple(replace(e, on_axis=None) for e in es) for es in (evaluations, predicted))
    return Priced(flops(flops_per_mac), first, others)


def in_parameters(evaluations: Sequence[Evaluation], predicted: Sequence[Evaluation]) -> Priced:
    """Return the evaluations by their parameters."""
    first, others = (
        tuple(replace(e, on_axis=AxisCost(value=e.cost.params)) for e in es)
        for es in (evaluations, predicted)
    )
    return Priced(parameters(), first, others)


def sets(store: Store, evaluations: Iterable[Evaluation]) -> list[Times]:
    """Return all sets of measurements of the evaluations' networks, the latest first."""
    return latency.sets(store.latencies(), {_network(e) for e in evaluations})


def latest(known: Sequence[Times]) -> list[Times]:
    """Return the sets of the latest setup with the fewest and with the most images at a time."""
    own = sorted((t for t in known if t.setup == known[0].setup), key=lambda t: t.batch)
    return own[:1] + own[1:][-1:]


def chosen(known: Sequence[Times], batch: int, runtime: str | None, study: str) -> Times:
    """Return the latest set of so many images at a time, by a runtime if one is named.

    Raises StorageError if there is none.
    """
    times = latency.chosen(known, batch, runtime)
    if times is not None:
        return times
    raise StorageError(
        f"how long the configurations of study {study} take was not measured "
        f"{latency.asked_for(batch, runtime)}; {latency.listed(known)}.",
        problem="not_timed",
        study=study,
        batch=batch,
        runtime=runtime or latency.RUNTIMES[0],
    )


def priced(
    evaluations: Sequence[Evaluation],
    predicted: Sequence[Evaluation],
    times: Times,
    known: Sequence[Times],
) -> Priced:
    """Return the evaluations on the axis of a set of measurements; `known` are all sets."""
    axis = milliseconds(times.batch, latency.measured_on(times.setup), times.setup.runtime)
    timed = _timed(evaluations, times)
    return Priced(axis, timed, _timed(predicted, times), _notes(evaluations, timed, times, known))


def _network(e: Evaluation) -> tuple[str, int]:
    return e.architecture.key, e.cost.macs // e.size


def _timed(evaluations: Sequence[Evaluation], times: Times) -> tuple[Evaluation, ...]:
    found = [replace(e, on_axis=times.of(_network(e), e.size)) for e in evaluations]
    return tuple(e for e in found if e.on_axis is not None)


def _notes(
    evaluations: Sequence[Evaluation],
    timed: Sequence[Evaluation],
    times: Times,
    known: Sequence[Times],
) -> tuple[str, ...]:
    records = [record for own in times.by_network.values() for record in own.values()]
    spread = statistics.median((record.high - record.low) / record.ms for record in records)
    notes = [
        "Times were measured with random weights, as the median of rounds that are "
        f"{spread:.0%} apart (median over {counted(len(records), 'configuration')}). Verdicts over "
        "milliseconds hold with 95 % by themselves, not together with those over FLOPs."
    ]
    others = [t for t in known if t.batch == times.batch and t is not times]
    if others:
        notes.append(
            "The latest times count; others were measured on "
            f"{'; '.join(dict.fromkeys(latency.measured_on(t.setup) for t in others))}."
        )
    notes += guessed(timed)
    if len(timed) < len(evaluations):
        notes.append(
            f"{len(evaluations) - len(timed)} of {counted(len(evaluations), 'configuration')} are "
            "left out: no size of their networks was measured."
        )
    return tuple(notes)
