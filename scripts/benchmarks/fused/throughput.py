"""Images per second of members trained together by every strategy, and what a search would take."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ensearch.training import loop, strategies
from ensearch.training.strategy import ALONE, candidates, with_joined_norms
from scripts.benchmarks.fused.turns import in_turns, members_of, pictures
from scripts.benchmarks.spread import median_and_range

# Images of an epoch, so many that there is time to measure every strategy.
LONG = 10**7
# What an H100 is meant to reach: images/s over one after another, by network and members.
GOALS = {("16-1", 8): 8.0, ("16-4", 4): 3.0}


def throughput(
    resolution: int, network: str, count: int, device: str, turns: int
) -> dict[str, Any]:
    """Measure, print and return the images/s of `count` members of a network by every strategy."""
    images, members = pictures(resolution, device), members_of(network, resolution, count)
    states = [loop.fresh(member, images, device) for member in members]
    joined = [way for way in with_joined_norms(device, count) if way.chunk in (1, count)]
    tried = [ALONE, *candidates(device, count), *joined]
    measured = in_turns(tried, states, members, images, turns)
    start = time.perf_counter()
    choice = strategies.measure(states, members, images, seconds=20.0, count=LONG).strategy
    seconds = time.perf_counter() - start
    rows = _rows(measured.pairs)
    print(f"\nWRN-{network}, {resolution} x {resolution}, {count} members, n = {turns}")
    for name, row in rows.items():
        over = f", {row['over_graphs']:.2f} over graphs" if row["over_graphs"] else ""
        ratios = median_and_range(row["ratios"], 2)
        print(f"  {name:42s} {row['images_per_s']:9.0f} images/s, {ratios} times{over}")
    for name, why in measured.dropped.items():
        print(f"  {name:42s} does not work: {why}")
    ratio = statistics.median(rows[choice]["ratios"])
    print(f"  a search would choose: {choice} ({ratio:.2f} times), measured in {seconds:.1f} s")
    goal = GOALS.get((network, count)) if device == "cuda" else None
    if goal:
        print(f"  goal {goal:g} times: {'reached' if ratio >= goal else 'not reached'}")
    return {
        "network": network,
        "resolution": resolution,
        "members": count,
        "n": turns,
        "ways": rows,
        "dropped": measured.dropped,
        "choice": choice,
        "choice_ratio": ratio,
        "seconds_to_choose": seconds,
    }


def _rows(by_strategy: dict[str, list[tuple[float, float]]]) -> dict[str, dict[str, Any]]:
    """Return the figures of every strategy, the fastest first."""
    graph = by_strategy.get(replace(ALONE, graph=True).name)
    return {
        name: {
            "images_per_s": _median(pairs),
            "ratios": [own / base for own, base in pairs],
            "over_graphs": _median(pairs) / _median(graph) if graph else None,
        }
        for name, pairs in sorted(by_strategy.items(), key=lambda item: -_median(item[1]))
    }


def _median(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the median images/s of the strategy."""
    return statistics.median(own for own, _ in pairs)
