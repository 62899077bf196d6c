"""The ladder of a study whose budget bounds milliseconds: networks are timed here first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ensearch import latency, launch, training
from ensearch.core import Architecture, Cost
from ensearch.latency import Configuration
from ensearch.search_space import Ladder, ladder, timetable
from ensearch.store import LatencyRecord, Store
from ensearch.study.config import StudyConfig
from ensearch.study.placement import Placement
from ensearch.units import counted, parse_axis

if TYPE_CHECKING:  # imports torch
    from ensearch.latency.measurement import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Times networks where members will train, and keeps the times in the storage.

    `on_progress` hears what is done, and `on_note` what a person should know of the result.
    """

    store: Store
    where: Placement
    on_progress: Callable[[str], None]
    on_note: Callable[[str], None]

    def ladder(
        self,
        config: StudyConfig,
        resolution: int,
        shape: tuple[int, int],
        count: Callable[[Architecture], Cost],
    ) -> Ladder:
        """Return the ladder of a study; `shape` are channels and classes of its data.

        A configuration takes as long as its members, one after another, each timed alone. Raises
        BudgetError where nothing fits, UnavailableError without the runtime.
        """
        asked = parse_axis(config.budget.timed or "")
        assert asked is not None, "the budget bounds no time"
        batch, runtime = asked
        from ensearch.latency import measurement  # torch takes 2 s to import

        place = measurement.Place(
            device=self.where.device,
            name=training.name_device("cpu") if self.where.device == "cpu" else self.where.name,
            runtime=runtime or latency.RUNTIMES[0],
            threads=1,
        )
        every: list[LatencyRecord] = []

        def measure(networks: Sequence[Architecture]) -> Mapping[Architecture, float]:
            wanted = [
                Configuration(
                    architecture=network,
                    macs=count(network).macs,
                    size=1,
                    channels=shape[0],
                    classes=shape[1],
                )
                for network in networks
            ]
            records = self._timed(wanted, batch, place)
            every.extend(records)
            by_key = {record.architecture: record.ms for record in records}
            return {network: by_key[network.key] for network in networks}

        setting = (config.space, config.budget, config.schedule, resolution, count)
        times = timetable.measured(*setting, measure)
        self._note_spread(every)
        timed = latency.measured_on(place.setup)
        return replace(ladder.build(*setting, times), timed=timed)

    def _timed(
        self, wanted: Sequence[Configuration], batch: int, place: "Place"
    ) -> list[LatencyRecord]:
        self.on_progress(f"timing {counted(len(wanted), 'network')} on {place.name}")
        if place.device == "cpu":
            records = _records(wanted, batch, place)
        else:  # in a worker: this process would hold a part of the GPU until the study ends
            launcher = launch.get(self.where.launcher)
            (records,) = launcher.call_each(_records, [(wanted, batch, place)], place.device)
        self.store.save_latencies(records)
        return records

    def _note_spread(self, every: Sequence[LatencyRecord]) -> None:
        says = latency.disturbed(every)
        if says:
            self.on_note(f"{says}. A study that begins when it is idle matches costs better")


def _records(wanted: Sequence[Configuration], batch: int, place: "Place") -> list[LatencyRecord]:
    from ensearch.latency import measurement

    return [
        record for several in measurement.measure(wanted, (batch,), place) for record in several
    ]
