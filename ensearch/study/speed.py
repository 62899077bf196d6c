"""How fast members train here, measured before the first training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TypedDict

from ensearch import launch, training
from ensearch.core import Architecture
from ensearch.search_space import Ladder
from ensearch.store import SpeedRecord, Store
from ensearch.study.members import SIDE_BY_SIDE
from ensearch.study.placement import Placement
from ensearch.study.study import Study

# Multiply-adds of a network of which a step stays short, by device.
_MODERATE = {"cpu": 50e6, "cuda": 5e9}
_LEAST_SECONDS = 60.0  # of training, to judge a speed by
_MEASURED_SECONDS = 1.0  # of training each of two networks


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Training time of one image on one worker: seconds = fixed + per_mac x multiply-adds."""

    fixed: float
    per_mac: float

    def seconds(self, macs: float) -> float:
        """Return the seconds of training one image on a network of these multiply-adds."""
        return self.fixed + self.per_mac * macs

    def of_member(self, macs: float, trained: int, predicted: int) -> float:
        """Return the seconds of a member that trains so many images in all and predicts others.

        A prediction is a forward pass, a third of the multiply-adds of training an image. With
        1,000 pictures, 24 epochs and 24,000 val pictures that makes a quarter of the time.
        """
        return self.seconds(macs) * (trained + predicted / 3)


def measure(
    ladder: Ladder,
    seconds_per_image: Callable[[Architecture, Architecture], Sequence[float]],
    moderate: float = _MODERATE["cpu"],
) -> Speed:
    """Return the speed from two measurements, made side by side.

    Small networks are bound by overhead, large ones by arithmetic.

    The second network is the largest of `moderate` multiply-adds, so that one step of it stays
    short; beyond, time grows in proportion.
    """
    costs = {cell.architecture: cell.member_macs for cell in ladder.cells}
    small = min(costs, key=lambda a: costs[a])
    short = [a for a in costs if costs[a] <= moderate] or [small]
    large = max(short, key=lambda a: costs[a])
    fast, slow = seconds_per_image(small, large)
    if costs[large] == costs[small] or slow <= fast:
        return Speed(fixed=0.0, per_mac=slow / costs[large])
    per_mac = (slow - fast) / (costs[large] - costs[small])
    return Speed(fixed=max(0.0, fast - per_mac * costs[small]), per_mac=per_mac)


def measured(study: Study, store: Store, where: Placement) -> Speed:
    """Return how fast members train here, measured once a day for each device and batch size.

    In workers, two at a time, as members train: a driver that measured would import PyTorch and
    hold what it takes of a GPU, and one core alone is faster than two at once. A measurement is
    kept with the study, for this version of PyTorch.
    """
    dataset, schedule = study.dataset, study.config.schedule
    conditions = _conditions(study, where)
    known, now = store.speed(study.config.name, **conditions), datetime.now(UTC)
    if known is None or known.measured < now - timedelta(days=1):
        shape = (dataset.channels, len(dataset.classes), dataset.resolution)
        launcher = launch.get(where.launcher)
        images = study.images
        group = (min(study.config.seeds, SIDE_BY_SIDE), images["train"], images["val"])
        how = (shape, schedule, where.device, _MEASURED_SECONDS, *group)
        speed = measure(
            study.ladder,
            lambda *networks: launcher.call_each(
                training.measure_speed,
                [(network, *how) for network in networks],
                where.device,
            ),
            _MODERATE[where.device],
        )
        known = SpeedRecord(fixed=speed.fixed, per_mac=speed.per_mac, measured=now, **conditions)
        store.save_speed(study.config.name, known)
    return Speed(fixed=known.fixed, per_mac=known.per_mac)


class _Conditions(TypedDict):
    """What decides about the speed beside the study's networks and images."""

    device: str
    torch: str
    batch_size: int


def _conditions(study: Study, where: Placement) -> _Conditions:
    return {
        "device": where.name or training.describe_device(where.device),
        "torch": version("torch"),
        "batch_size": study.config.schedule.batch_size,
    }


def contradiction(
    speed: Speed, study: Study, seconds: list[float], train_macs: float
) -> float | None:
    """Return how many times as long as the speed says training took; None where that agrees.

    `seconds` are those of each member, `train_macs` their multiply-adds of training in all. Less
    than a minute in all is mostly starts, and where members have different epochs their overheads
    are not known: neither contradicts anything.
    """
    if sum(seconds) < _LEAST_SECONDS or "epochs" in study.ladder.schedule_axes:
        return None
    trained = study.images["train"] * study.config.schedule.epochs
    # Training a network takes three times the multiply-adds that its images need.
    macs = train_macs / (3 * trained * len(seconds))
    promised = len(seconds) * speed.of_member(macs, trained, study.images["val"])
    ratio = sum(seconds) / promised
    return None if 0.5 <= ratio <= 2 else ratio


def forget(study: Study, store: Store, where: Placement) -> None:
    """Forget the speed measured here: the machine was busy then, or is now."""
    known = store.speed(study.config.name, **_conditions(study, where))
    if known is not None:
        store.forget_speed(study.config.name, known)
