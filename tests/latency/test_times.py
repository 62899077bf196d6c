"""What was measured is looked up, and other sizes follow from it."""

from datetime import UTC, datetime, timedelta

import pytest

from ensearch.core import AxisCost
from ensearch.latency import Times, sets
from ensearch.store import LatencyRecord, Setup

TORCH = Setup(device="a CPU", runtime="torch", threads=1, versions="torch 2.14.1")
ONNX = Setup(device="a CPU", runtime="onnx", threads=1, versions="onnxruntime 1.32.0")
NETWORK = ("wide_resnet-10-0.5@32", 4_000_000)


def record(
    size: int, ms: float, minute: int = 0, setup: Setup = TORCH, batch: int = 1
) -> LatencyRecord:
    return LatencyRecord(
        architecture=NETWORK[0],
        macs=NETWORK[1],
        size=size,
        batch=batch,
        setup=setup,
        ms=ms,
        ms_p95=2 * ms,
        low=ms,
        high=ms,
        runs=5,
        measured=datetime(2026, 1, 2, tzinfo=UTC) + timedelta(minutes=minute),
    )


def times_of(*records: LatencyRecord) -> Times:
    (times,) = sets(records, {NETWORK})
    return times


@pytest.mark.parametrize(
    ("measured", "size", "expected"),
    [
        ({1: 0.5}, 1, AxisCost(value=0.5)),
        ({1: 0.5}, 4, AxisCost(value=2.0, is_measured=False)),
        ({4: 2.0}, 1, AxisCost(value=0.5, is_measured=False)),
        ({1: 0.6, 2: 1.1}, 4, AxisCost(value=2.1, is_measured=False)),
        ({1: 0.6, 4: 2.1}, 2, AxisCost(value=1.1, is_measured=False)),
        ({1: 0.6, 2: 1.1, 8: 9.0}, 3, AxisCost(value=1.6, is_measured=False)),
        # Noise may bend a line: a larger ensemble is never quicker, a smaller one takes its share.
        ({2: 1.0, 3: 0.9}, 8, AxisCost(value=1.0, is_measured=False)),
        ({2: 1.0, 3: 2.5}, 1, AxisCost(value=0.5, is_measured=False)),
    ],
)
def test_a_size_that_was_not_measured(
    measured: dict[int, float], size: int, expected: AxisCost
) -> None:
    found = times_of(*(record(each, ms) for each, ms in measured.items())).of(NETWORK, size)
    assert found is not None
    assert found.value == pytest.approx(expected.value)
    assert found.is_measured == expected.is_measured


def test_other_networks_are_not_known() -> None:
    times = times_of(record(1, 0.5))
    assert times.of((NETWORK[0], 5_000_000), 1) is None, "for other channels or classes"
    assert times.of(("wide_resnet-10-1@32", NETWORK[1]), 1) is None


def test_a_set_for_each_setup_and_batch_the_latest_first() -> None:
    records = [
        record(1, 0.5, 0),
        record(2, 1.0, 9),
        record(1, 0.2, 5, ONNX),
        record(1, 0.1, 7, batch=64),
    ]
    found = [
        (t.setup.runtime, t.batch, len(t.by_network[NETWORK])) for t in sets(records, {NETWORK})
    ]
    assert found == [("torch", 1, 2), ("torch", 64, 1), ("onnx", 1, 1)]
    assert sets(records, {("another", 1)}) == []
