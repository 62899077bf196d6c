"""Which share of the GPU's peak WRN-28-10 reaches in training."""

import statistics
import time
from typing import Any

import torch

from ensearch import cost
from ensearch.training import loop
from ensearch.training.strategy import ALONE, Strategy, candidates, with_joined_norms
from scripts.benchmarks.fused.turns import finished, in_turns, members_of, pictures
from scripts.benchmarks.spread import median_and_range

# Dense bfloat16 operations per second, from the makers' data sheets; 2 to a multiply-add.
PEAKS = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989.4e12,
    "H200": 989.4e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
}
BATCHES = (128, 256)


def peak_of_matmul() -> float:
    """Return the operations per second of the fastest of ten bfloat16 products of 8192 x 8192."""
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(12):
        finished("cuda")
        start = time.perf_counter()
        a @ b
        finished("cuda")
        times.append(time.perf_counter() - start)
    return float(2 * 8192**3 / min(times[2:]))


def utilisation(turns: int) -> list[dict[str, Any]]:
    """Measure and print the share of the peak: forward, and twice that for backward."""
    name = torch.cuda.get_device_name()
    listed = next(
        (peak for key, peak in PEAKS.items() if all(k in name for k in key.split())), None
    )
    peaks = {"matmul": peak_of_matmul()} | ({"data sheet": listed} if listed else {})
    print(
        f"\nWRN-28-10 of the peak of {name}: by "
        + ", ".join(f"{source} {peak / 1e12:.0f} T/s" for source, peak in peaks.items())
        + ("" if listed else ", data sheet not known here")
    )
    return [row for batch in BATCHES for row in _of_batch(batch, peaks, turns)]


def _of_batch(batch: int, peaks: dict[str, float], turns: int) -> list[dict[str, Any]]:
    """Measure one size of batches; return a row for every strategy that works."""
    members = members_of("28-10", 32, 2, batch)
    images = pictures(32, "cuda", 5, batch)
    states = [loop.fresh(member, images, "cuda") for member in members]
    macs = cost.count(members[0].architecture, 3, 10).macs
    alone = [*candidates("cuda", 1), *with_joined_norms("cuda", 1)]
    tried = [ALONE, *alone, Strategy(kind="fused", chunk=2, graph=True)]
    measured, rows = in_turns(tried, states, members, images, turns), []
    for strategy, pairs in measured.pairs.items():
        rates = [own for own, _ in pairs]
        operations = 2 * 3 * macs * statistics.median(rates)
        shares = {source: operations / peak for source, peak in peaks.items()}
        text = ", ".join(f"{share:.1%} of {source}" for source, share in shares.items())
        print(
            f"  batch {batch}, {strategy}: {median_and_range(rates)} images/s, n = {turns}: {text} "
            "(goal 30 %)"
        )
        rows.append({"batch": batch, "way": strategy, "images_per_s": rates, "share": shares})
    for strategy, why in measured.dropped.items():
        print(f"  batch {batch}, {strategy} does not work: {why}")
    return rows
