"""The parts of the pooled model: what each assumes to be alike, and on which scale it varies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ensearch.core import Evaluation, Floats

# Standard deviations on the logit scale (1 point of accuracy at 80 % is 0.0625), then two lengths
# in doublings of cost: the range within which each is expected, two standard deviations either
# way of the middle in its log. The last is atanh of the correlation of offset and gain.
RANGES = {
    "network": (0.01, 0.6),
    "network_gain": (0.01, 0.4),
    "network_size": (0.005, 0.1),
    "curve": (0.02, 0.6),
    "group": (0.1, 0.7),
    "lead": (0.02, 0.5),
    "doubling": (0.01, 0.4),
    "size": (0.01, 0.15),
    "group_gain": (0.06, 0.5),
    "curve_length": (0.8, 3.0),
    "lead_length": (0.6, 3.0),
}
_ENDS = np.log(np.array(list(RANGES.values())))
MIDDLE: Floats = np.append(_ENDS.mean(axis=1), 0.0)
WIDTHS: Floats = np.append((_ENDS[:, 1] - _ENDS[:, 0]) / 4, 0.75)
LOW, HIGH = MIDDLE - 3.2 * WIDTHS, MIDDLE + 3.2 * WIDTHS


class Scales(NamedTuple):
    """The model's twelve scales, in the order of RANGES."""

    network: float
    network_gain: float
    network_size: float
    curve: float
    group: float
    lead: float
    doubling: float
    size: float
    group_gain: float
    curve_length: float
    lead_length: float
    correlation: float  # of an offset and a gain: networks that are better alone may gain less


def scales_of(values: Floats) -> Scales:
    """Return the scales of what is searched: their logs, and atanh of the correlation."""
    return Scales._make([*np.exp(values[:-1]).tolist(), float(np.tanh(values[-1]))])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kernels:
    """J x J covariances of the parts, before they are scaled. `groups` number the groups."""

    fixed: Floats  # level and slopes, of which nothing is known beforehand
    network: Floats
    network_gain: Floats
    network_both: Floats  # cross terms of offset and gain
    network_size: Floats
    group: Floats
    group_gain: Floats
    group_both: Floats
    several: Floats  # both are ensembles
    doubling: Floats
    size: Floats
    apart: Floats  # -1/2 (difference of members' log2 costs)^2
    apart_in_all: Floats  # the same of total costs
    groups: npt.NDArray[np.intp]

    @classmethod
    def of(cls, evaluations: Sequence[Evaluation], networks: npt.NDArray[np.intp]) -> "Kernels":
        """Return the parts of evaluations; `networks` numbers the network of each."""
        x = np.log2([e.cost.macs / e.size for e in evaluations])
        x = x - x.mean()
        size = np.array([e.size for e in evaluations], np.float64)
        h, several, doublings = 1 - 1 / size, (size > 1).astype(np.float64), np.log2(size)
        groups = _groups(evaluations)
        same, alike, sizes = _equal(networks), _equal(groups), _equal(size)
        features = np.stack([np.ones(len(x)), x, x**2, h, h * x, several], axis=1)
        gain = 0.5 * np.outer(h, h) + 0.15 * np.outer(several, several)
        # What correlates with an offset is one half of the gain's two parts each.
        half = (0.5**0.5 * h + 0.15**0.5 * several) / 2**0.5
        both, total = half[:, None] + half[None], x + doublings
        return cls(
            fixed=(features * [25.0, 1.0, 0.04, 1.0, 0.04, 0.01]) @ features.T,
            network=same,
            network_gain=same * gain,
            network_both=same * both,
            network_size=same * sizes,
            group=alike,
            group_gain=alike * gain,
            group_both=0.5 * alike * both,
            several=np.outer(several, several),
            doubling=0.25 * np.outer(doublings, doublings),
            size=sizes * np.outer(several, several),
            apart=-0.5 * (x[:, None] - x[None]) ** 2,
            apart_in_all=-0.5 * (total[:, None] - total[None]) ** 2,
            groups=groups,
        )

    def of_some(self, places: npt.NDArray[np.intp]) -> "Kernels":
        """Return the parts of some of the evaluations."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        chosen = {
            name: part[np.ix_(places, places)] if part.ndim == 2 else part[places]
            for name, part in parts.items()
        }
        return Kernels(**chosen)

    def covariance(self, values: Floats) -> Floats:
        """Return the prior covariance of the logits."""
        return self.with_slopes(values)[0]

    def with_slopes(self, values: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return the covariance, and what maps W to the sums of W x d covariance / d values."""
        s = scales_of(values)
        curve = np.exp(self.apart / s.curve_length**2)
        lead = self.several * np.exp(self.apart_in_all / s.lead_length**2)
        group = 0.5 * self.group * (1 + curve)
        group_gain = 0.5 * self.group_gain * (1 + curve)
        doubling = self.doubling * (0.3 + 0.7 * curve)
        crossed = s.correlation * s.network * s.network_gain
        crossed_groups = s.correlation * s.group * s.group_gain
        squares = {
            "network": self.network,
            "network_gain": self.network_gain,
            "network_size": self.network_size,
            "curve": curve,
            "group": group,
            "lead": lead,
            "doubling": doubling,
            "size": self.size,
            "group_gain": group_gain,
        }
        covariance = self.fixed + crossed * self.network_both + crossed_groups * self.group_both
        for name, kernel in squares.items():
            covariance = covariance + getattr(s, name) ** 2 * kernel

        def slopes(w: Floats) -> Floats:
            by_square = {
                name: 2 * getattr(s, name) ** 2 * float(np.vdot(w, kernel))
                for name, kernel in squares.items()
            }
            networks = crossed * float(np.vdot(w, self.network_both))
            groups = crossed_groups * float(np.vdot(w, self.group_both))
            by_square["network"] += networks
            by_square["network_gain"] += networks
            by_square["group"] += groups
            by_square["group_gain"] += groups
            bend = curve * self.apart * (-2 / s.curve_length**2)
            parts = s.curve**2 + 0.7 * s.doubling**2 * self.doubling
            parts = parts + 0.5 * (s.group**2 * self.group + s.group_gain**2 * self.group_gain)
            bend_of_lead = lead * self.apart_in_all * (-2 / s.lead_length**2)
            turned = s.network * s.network_gain * float(np.vdot(w, self.network_both))
            turned += s.group * s.group_gain * float(np.vdot(w, self.group_both))
            return np.array(
                [
                    *by_square.values(),
                    float(np.vdot(w, parts * bend)),
                    s.lead**2 * float(np.vdot(w, bend_of_lead)),
                    (1 - s.correlation**2) * turned,
                ]
            )

        return np.asarray(covariance), slopes


def _groups(evaluations: Sequence[Evaluation]) -> npt.NDArray[np.intp]:
    """The number of each evaluation's group: networks of one differ in width alone."""
    shapes = [(replace(e.architecture, width=1.0), e.schedule) for e in evaluations]
    numbers = {shape: number for number, shape in enumerate(dict.fromkeys(shapes))}
    return np.array([numbers[shape] for shape in shapes], np.intp)


def _equal(values: npt.NDArray[np.generic]) -> Floats:
    return np.asarray((values[:, None] == values[None]).astype(np.float64))
